#include "eebench/model/unpickler.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <string_view>
#include <variant>
#include <vector>

#include <ATen/ATen.h>
#include <fmt/format.h>

namespace eebench::model {
namespace {

struct Value;
using List = std::vector<Value>;

/// What a pickle of a state_dict is made of.
struct Global {
  std::string name;
};
struct Storage {
  at::ScalarType type;
  std::string key;
};
/// Of a class or function that a state_dict has no use for, or what it would have made. Nothing is
/// known of it but its name.
struct Foreign {
  std::string name;
};
struct Mark {};
struct Value {
  std::variant<std::monostate, Mark, bool, std::int64_t, std::string, Global, Foreign, Storage,
               at::Tensor, List*>
      content;  ///< a list stands for tuples, lists and, with keys and values in turn, for dicts
};

/// Elements of a storage from a tensor's first to its last, 0 for an empty one; -1 where sizes and
/// strides do not describe a tensor of at most `stored` elements within as many.
std::int64_t elements_reached(const std::vector<std::int64_t>& sizes,
                              const std::vector<std::int64_t>& strides, std::int64_t stored) {
  constexpr std::size_t most_dimensions = 64;
  if (sizes.size() != strides.size() || sizes.size() > most_dimensions) {
    return -1;
  }
  std::int64_t elements = 1;
  std::int64_t extent = 1;
  bool empty = false;
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    empty = empty || sizes[d] == 0;
    if (sizes[d] < 0 || strides[d] < 0 ||
        (!empty && (sizes[d] > stored / elements ||
                    (sizes[d] > 1 && strides[d] > (stored - extent) / (sizes[d] - 1))))) {
      return -1;
    }
    if (!empty) {
      elements *= sizes[d];
      extent += (sizes[d] - 1) * strides[d];
    }
  }
  return empty ? 0 : extent <= stored ? extent : -1;
}

class Unpickler {
  /// Shared weights are copied; a small file must not become many large tensors.
  static constexpr std::size_t most_tensors_of_a_storage = 16;

 public:
  Unpickler(Bytes pickle, const std::map<std::string, Bytes>& storages, const std::string& where)
      : cursor_(pickle, where), storages_(storages), where_(where) {
    for (const auto& [key, bytes] : storages) {
      bytes_left_ += most_tensors_of_a_storage * bytes.size();
    }
  }

  StateDict run() {
    for (;;) {
      const auto op = cursor_.number<unsigned char>();
      if (op == '.') {
        break;
      }
      step(op);
    }
    StateDict tensors;
    const List& items = *state_of(list(pop()));
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      const auto* name = std::get_if<std::string>(&items[i].content);
      const auto* tensor = std::get_if<at::Tensor>(&items[i + 1].content);
      if (name == nullptr || tensor == nullptr) {
        refuse_foreign(items[i + 1]);
        fail("holds something else than named tensors; save model.state_dict()");
      }
      tensors.emplace_back(*name, *tensor);
    }
    if (tensors.empty()) {
      fail("holds no tensor; save model.state_dict()");
    }
    return tensors;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw InputError(where_ + ": " + what); }
  [[noreturn]] void damaged(const std::string& what) const {
    fail("damaged pickle (" + what + "); save model.state_dict() again with torch.save");
  }

  /// The tensors of a checkpoint, which holds them beside other things, or the dict itself.
  List* state_of(List* dict) const {
    for (std::size_t i = 0; i + 1 < dict->size(); i += 2) {
      const auto* name = std::get_if<std::string>(&(*dict)[i].content);
      if (name != nullptr && *name == "model_state") {
        return list((*dict)[i + 1]);
      }
    }
    return dict;
  }

  Value pop() {
    if (stack_.empty()) {
      damaged("empty stack");
    }
    Value value = std::move(stack_.back());
    stack_.pop_back();
    return value;
  }
  void push(Value value) { stack_.push_back(std::move(value)); }

  void refuse_foreign(const Value& value) const {
    if (const auto* foreign = std::get_if<Foreign>(&value.content)) {
      fail(fmt::format(
          "refers to '{}', which eebench does not run; save model.state_dict() instead of "
          "a whole object",
          foreign->name));
    }
  }
  List* list(const Value& value) const { return get<List*>(value); }
  template <class T>
  const T& get(const Value& value) const {
    const T* found = std::get_if<T>(&value.content);
    if (found == nullptr) {
      refuse_foreign(value);
      damaged("a value of another kind was expected");
    }
    return *found;
  }

  /// Values above the last mark, which goes too.
  List pop_to_mark() {
    List values;
    for (;;) {
      Value value = pop();
      if (std::holds_alternative<Mark>(value.content)) {
        return {values.rbegin(), values.rend()};
      }
      values.push_back(std::move(value));
    }
  }
  void push_list(List values) { push({&lists_.emplace_back(std::move(values))}); }
  void push_tuple(std::size_t size) {
    List values(size);
    for (std::size_t i = size; i > 0; --i) {
      values[i - 1] = pop();
    }
    push_list(std::move(values));
  }
  void extend_top(const List& values) {
    if (stack_.empty()) {
      damaged("empty stack");
    }
    List* const target = list(stack_.back());
    target->insert(target->end(), values.begin(), values.end());
  }

  void step(unsigned char op) {
    switch (op) {
      case 0x80:
        cursor_.take(1);
        return;  // PROTO
      case 'c':
        push_global();
        return;  // GLOBAL
      case 'q':
        memo_[cursor_.number<std::uint8_t>()] = top();
        return;  // BINPUT
      case 'r':
        memo_[cursor_.number<std::uint32_t>()] = top();
        return;  // LONG_BINPUT
      case 0x94:
        memo_[static_cast<std::uint32_t>(memo_.size())] = top();
        return;  // MEMOIZE
      case 'h':
        push(memo(cursor_.number<std::uint8_t>()));
        return;  // BINGET
      case 'j':
        push(memo(cursor_.number<std::uint32_t>()));
        return;  // LONG_BINGET
      case '(':
        push({Mark{}});
        return;
      case ')':
      case '}':
      case ']':
        push_list({});
        return;  // EMPTY_TUPLE, _DICT, _LIST
      case 't':
        push_list(pop_to_mark());
        return;  // TUPLE
      case 0x85:
        push_tuple(1);
        return;
      case 0x86:
        push_tuple(2);
        return;
      case 0x87:
        push_tuple(3);
        return;
      case 'X':
        push({cursor_.text(cursor_.number<std::uint32_t>())});
        return;  // BINUNICODE
      case 'J':
        push({std::int64_t{cursor_.number<std::int32_t>()}});
        return;  // BININT
      case 'K':
        push({std::int64_t{cursor_.number<std::uint8_t>()}});
        return;  // BININT1
      case 'M':
        push({std::int64_t{cursor_.number<std::uint16_t>()}});
        return;  // BININT2
      case 0x8a:
        push_long();
        return;  // LONG1
      case 'G':
        cursor_.take(8);
        push({});
        return;  // BINFLOAT
      case 0x88:
        push({true});
        return;
      case 0x89:
        push({false});
        return;
      case 'N':
        push({});
        return;
      case 'Q':
        push_storage();
        return;  // BINPERSID
      case 'R':
      case 0x81:
        reduce();
        return;    // REDUCE, NEWOBJ
      case 's': {  // SETITEM
        Value value = pop();
        Value key = pop();
        extend_top({std::move(key), std::move(value)});
        return;
      }
      case 'u':
      case 'e':
        extend_top(pop_to_mark());
        return;    // SETITEMS, APPENDS
      case 'a': {  // APPEND
        Value value = pop();
        extend_top({std::move(value)});
        return;
      }
      case 'b':
        pop();
        return;  // BUILD sets attributes of the dict, such as version numbers
      default:
        fail(
            fmt::format("pickle operation 0x{:02x} does not occur in a state_dict; save "
                        "model.state_dict() with torch.save",
                        op));
    }
  }

  const Value& top() const {
    if (stack_.empty()) {
      damaged("empty stack");
    }
    return stack_.back();
  }
  const Value& memo(std::uint32_t key) const {
    const auto found = memo_.find(key);
    if (found == memo_.end()) {
      damaged("unknown memo");
    }
    return found->second;
  }

  void push_global() {
    const std::string module = cursor_.line();
    const std::string name = module + "." + cursor_.line();
    static constexpr std::string_view allowed[] = {"collections.OrderedDict",
                                                   "torch._utils._rebuild_tensor_v2",
                                                   "torch._utils._rebuild_parameter",
                                                   "torch.FloatStorage",
                                                   "torch.DoubleStorage",
                                                   "torch.HalfStorage",
                                                   "torch.BFloat16Storage",
                                                   "torch.LongStorage",
                                                   "torch.IntStorage",
                                                   "torch.ByteStorage",
                                                   "torch.BoolStorage"};
    if (std::find(std::begin(allowed), std::end(allowed), name) == std::end(allowed)) {
      push({Foreign{name}});
      return;
    }
    push({Global{name}});
  }

  void push_long() {
    const auto size = cursor_.number<std::uint8_t>();
    if (size > sizeof(std::int64_t)) {
      damaged("an integer of more than 64 bits");
    }
    const Bytes bytes = cursor_.take(size);
    // Two's complement of `size` bytes.
    std::uint64_t value = size > 0 && bytes.back() >= 0x80 ? ~std::uint64_t{0} : 0;
    for (std::size_t i = size; i > 0; --i) {
      value = value << 8 | bytes[i - 1];
    }
    push({static_cast<std::int64_t>(value)});
  }

  /// ("storage", type, key, device, elements)
  void push_storage() {
    const List* const id = list(pop());
    if (id->size() != 5) {
      damaged("a storage reference of an unknown form");
    }
    const std::string& type = get<Global>((*id)[1]).name;
    static const std::map<std::string, at::ScalarType> types{
        {"torch.FloatStorage", at::kFloat}, {"torch.DoubleStorage", at::kDouble},
        {"torch.HalfStorage", at::kHalf},   {"torch.BFloat16Storage", at::kBFloat16},
        {"torch.LongStorage", at::kLong},   {"torch.IntStorage", at::kInt},
        {"torch.ByteStorage", at::kByte},   {"torch.BoolStorage", at::kBool}};
    const auto found = types.find(type);
    if (found == types.end()) {
      damaged("a storage of type " + type);
    }
    push({Storage{found->second, get<std::string>((*id)[2])}});
  }

  void reduce() {
    const List* const arguments = list(pop());
    Value callee = pop();
    if (std::holds_alternative<Foreign>(callee.content)) {
      push(std::move(callee));
      return;
    }
    const std::string name = get<Global>(callee).name;
    if (name == "collections.OrderedDict") {
      push_list({});
    } else if (name == "torch._utils._rebuild_parameter" && !arguments->empty()) {
      push((*arguments)[0]);
    } else if (name == "torch._utils._rebuild_tensor_v2" && arguments->size() >= 4) {
      push({tensor(*arguments)});
    } else {
      damaged("a call of '" + name + "' in an unknown way");
    }
  }

  /// (storage, offset, sizes, strides, ...): checked against the stored bytes before anything is
  /// allocated.
  at::Tensor tensor(const List& arguments) {
    const auto& storage = get<Storage>(arguments[0]);
    const auto found = storages_.find(storage.key);
    if (found == storages_.end()) {
      damaged("no data of storage '" + storage.key + "'");
    }
    const auto integers = [&](const Value& value) {
      std::vector<std::int64_t> numbers;
      for (const Value& item : *list(value)) {
        numbers.push_back(get<std::int64_t>(item));
      }
      return numbers;
    };
    const std::int64_t offset = get<std::int64_t>(arguments[1]);
    const auto sizes = integers(arguments[2]);
    const auto strides = integers(arguments[3]);
    const std::size_t item = c10::elementSize(storage.type);
    const auto stored = static_cast<std::int64_t>(found->second.size() / item);
    const std::int64_t extent = elements_reached(sizes, strides, stored);
    if (extent < 0 || offset < 0 || offset > stored - extent) {
      damaged("a tensor reaches beyond its storage '" + storage.key + "'");
    }
    const std::size_t bytes = static_cast<std::size_t>(extent) * item;
    if (bytes > bytes_left_) {
      damaged(fmt::format("tensors of {} times what is stored", most_tensors_of_a_storage));
    }
    bytes_left_ -= bytes;
    const at::Tensor values = at::empty({extent}, storage.type);
    if (extent > 0) {
      std::memcpy(values.mutable_data_ptr(),
                  found->second.data() + static_cast<std::size_t>(offset) * item, bytes);
    }
    return at::as_strided(values, sizes, strides).contiguous();
  }

  ByteReader cursor_;
  const std::map<std::string, Bytes>& storages_;
  std::string where_;
  std::size_t bytes_left_ = 0;
  std::deque<List> lists_;  ///< all of them: one that holds itself, or very deep ones, do no harm
  std::vector<Value> stack_;
  std::map<std::uint32_t, Value> memo_;
};

}  // namespace

StateDict unpickle(Bytes pickle, const std::map<std::string, Bytes>& storages,
                   const std::string& where) {
  return Unpickler(pickle, storages, where).run();
}

}  // namespace eebench::model
