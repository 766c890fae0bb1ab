#include "eebench/nn/image.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <catch2/catch.hpp>

#include "eebench/nn/work.hpp"

namespace eebench::nn {
namespace {

at::Tensor of_aten(Conv2d& conv, const at::Tensor& x) {
  return at::conv2d(x.permute({0, 3, 1, 2}), conv->weight, conv->bias, conv->options().stride,
                    conv->options().padding)
      .permute({0, 2, 3, 1});
}

TEST_CASE("convolutions of images and their gradients are those of ATen") {
  at::manual_seed(1);
  const std::int64_t kernel = GENERATE(1, 3, 4);
  const std::int64_t stride = GENERATE(1, 2);
  const std::int64_t padding = GENERATE(0, 1);
  const bool bias = GENERATE(false, true);
  Conv2d conv(3, 6,
              Conv2dOptions{.kernel = kernel, .stride = stride, .padding = padding, .bias = bias});
  const at::Tensor x = at::randn({2, 7, 5, 3}).requires_grad_();
  {
    const at::NoGradGuard no_grad;  // windows and a linear layer
    const at::Tensor y = conv->forward(x, {}, Activation::relu);
    const at::Tensor expected = at::relu(of_aten(conv, x));
    REQUIRE(y.sizes() == expected.sizes());
    CHECK(at::allclose(y, expected, 1e-5, 1e-5));
    conv->prepare();
    CHECK(at::equal(conv->forward(x, {}, Activation::relu), y));
  }
  const auto gradients = [&](const at::Tensor& y) {
    (y * at::arange(y.numel(), at::kFloat).cos().view(y.sizes())).sum().backward();
    const at::Tensor both = at::cat({x.grad().flatten(), conv->weight.grad().flatten()});
    x.mutable_grad().reset();
    conv->weight.mutable_grad().reset();
    return both;
  };
  CHECK(at::allclose(gradients(conv->forward(x, {})), gradients(of_aten(conv, x)), 1e-5, 1e-5));
}

TEST_CASE("an image's convolution does not depend on the other images") {
  const at::NoGradGuard no_grad;
  at::manual_seed(2);
  Conv2d conv(24, 40, Conv2dOptions{.padding = 1});
  const at::Tensor x = at::randn({19, 12, 12, 24});  // more than a piece
  const at::Tensor together = conv->forward(x, {.deterministic = true});
  for (std::int64_t image = 0; image < x.size(0); ++image) {
    CHECK(at::equal(conv->forward(x.narrow(0, image, 1), {})[0], together[image]));
  }
}

TEST_CASE("a folded BatchNorm is the same function") {
  const at::NoGradGuard no_grad;
  at::manual_seed(3);
  const bool bias = GENERATE(false, true);
  Conv2d conv(4, 5, Conv2dOptions{.bias = bias});
  BatchNorm norm(5);
  norm->running_mean.uniform_(-1.0, 1.0);
  norm->running_var.uniform_(0.5, 2.0);
  norm->weight.uniform_(0.5, 2.0);
  norm->bias.uniform_(-1.0, 1.0);
  norm->eval();
  const at::Tensor x = at::randn({2, 6, 6, 4});
  const at::Tensor y = conv->forward(x, {});
  const at::Tensor expected = norm->forward(y.view({-1, 5}), {}).view(y.sizes());
  conv->prepare(norm);
  CHECK(at::allclose(conv->forward(x, {}), expected, 1e-5, 1e-5));
}

TEST_CASE("pools of images are those of ATen, with their work") {
  const at::Tensor x = at::arange(2 * 5 * 4 * 3, at::kDouble).sin().view({2, 5, 4, 3});
  const at::Tensor planes = x.permute({0, 3, 1, 2});
  const WorkScope scope;
  CHECK(at::equal(max_pool2d(x, 2, 2), at::max_pool2d(planes, 2, 2).permute({0, 2, 3, 1})));
  // From 20 pixels to 2 x 2, of 2 images and 3 channels.
  CHECK(scope.work() == Work{.elementwise = 4 * 4 * 6, .bytes = 8 * (20 + 4) * 6});
  CHECK(at::allclose(mean_pool2d(x, 3, 1), at::avg_pool2d(planes, 3, 1).permute({0, 2, 3, 1})));
}

TEST_CASE("the work of a convolution of images is counted once, however it is done") {
  Conv2d conv(3, 4, Conv2dOptions{.stride = 2, .padding = 1});
  const at::Tensor x = at::zeros({2, 8, 6, 3});
  // 4 x 3 pixels of 4 channels, 27 products each.
  const Work expected{.multiply_adds = 2 * 48 * 27,
                      .elementwise = 2 * 48 * (1 + flops_of::relu),
                      .bytes = 4 * 2 * (144 + 48 + 2 * 48)};
  const bool gradient = GENERATE(false, true);
  const at::AutoGradMode mode(gradient);
  const WorkScope scope;
  conv->forward(x, {}, Activation::relu);
  CHECK(scope.work() == expected);
}

TEST_CASE("convolutions of images in bfloat16 are those in float32 to its precision") {
  at::manual_seed(4);
  Conv2d conv(8, 16, Conv2dOptions{.padding = 1});
  const at::Tensor x = at::randn({2, 6, 6, 8});
  const at::Tensor y = conv->forward(x, {.bfloat16 = true});
  CHECK(y.scalar_type() == at::kFloat);
  CHECK(at::allclose(y, conv->forward(x, {}), 0.02, 0.03));
  CHECK(!at::equal(y, conv->forward(x, {})));
}

}  // namespace
}  // namespace eebench::nn
