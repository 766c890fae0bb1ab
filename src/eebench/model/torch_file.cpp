#include "eebench/model/torch_file.hpp"

#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "eebench/core/error.hpp"

namespace eebench::model {
namespace {

using Bytes = std::span<const unsigned char>;

/// Little-endian numbers and pieces of a byte range, never beyond its end.
class Cursor {
 public:
  Cursor(Bytes bytes, std::string where) : bytes_(bytes), where_(std::move(where)) {}

  template <class T>
  T number() {
    T value{};
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  Bytes take(std::size_t size) {
    if (size > bytes_.size() - position_) {
      throw InputError(where_ + ": ends early; copy or download the file again");
    }
    const Bytes piece = bytes_.subspan(position_, size);
    position_ += size;
    return piece;
  }
  std::string text(std::size_t size) {
    const Bytes piece = take(size);
    return {piece.begin(), piece.end()};
  }
  std::string line() {
    std::string text;
    for (char c = number<char>(); c != '\n'; c = number<char>()) {
      text += c;
    }
    return text;
  }
  void seek(std::size_t position) {
    position_ = 0;
    take(position);
  }

 private:
  Bytes bytes_;
  std::string where_;
  std::size_t position_ = 0;
};

/// Entries of a zip archive without compression (APPNOTE 4.3), by name.
std::map<std::string, Bytes> zip_entries(Bytes file, const std::string& where) {
  constexpr std::size_t end_record = 22;
  const auto is_end = [&](std::size_t at) { return std::memcmp(&file[at], "PK\5\6", 4) == 0; };
  std::size_t end = file.size() < end_record ? 0 : file.size() - end_record + 1;
  while (end > 0 && !is_end(end - 1)) {
    --end;
  }
  if (end == 0) {
    throw InputError(where + ": not a PyTorch file in zip format; save it again with torch.save");
  }
  Cursor cursor(file, where);
  cursor.seek(end - 1 + 10);
  const auto count = cursor.number<std::uint16_t>();
  cursor.take(4);
  const auto directory = cursor.number<std::uint32_t>();
  cursor.seek(directory);
  std::map<std::string, Bytes> entries;
  for (int entry = 0; entry < count; ++entry) {
    if (cursor.number<std::uint32_t>() != 0x02014b50) {
      throw InputError(where + ": damaged zip directory; copy or download the file again");
    }
    cursor.take(6);
    const auto method = cursor.number<std::uint16_t>();
    cursor.take(8);
    const std::size_t packed_size = cursor.number<std::uint32_t>();
    cursor.take(4);
    const auto name_size = cursor.number<std::uint16_t>();
    const auto extra_size = cursor.number<std::uint16_t>();
    const auto comment_size = cursor.number<std::uint16_t>();
    cursor.take(8);
    const std::size_t local = cursor.number<std::uint32_t>();
    std::string name = cursor.text(name_size);
    cursor.take(std::size_t{extra_size} + comment_size);
    if (method != 0) {
      throw InputError(
          fmt::format("{}: entry '{}' is compressed, which torch.save does not do; save it "
                      "again with torch.save",
                      where, name));
    }
    Cursor header(file, where);
    header.seek(local + 26);
    const auto local_name = header.number<std::uint16_t>();
    const auto local_extra = header.number<std::uint16_t>();
    header.take(std::size_t{local_name} + local_extra);
    entries.emplace(std::move(name), header.take(packed_size));
  }
  return entries;
}

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
struct Mark {};
struct Value {
  std::variant<std::monostate, Mark, bool, std::int64_t, std::string, Global, Storage, at::Tensor,
               std::shared_ptr<List>>
      content;  ///< a list stands for tuples, lists and, with keys and values in turn, for dicts
};

class Unpickler {
 public:
  Unpickler(Bytes pickle, std::map<std::string, Bytes> data, std::string where)
      : cursor_(pickle, where), data_(std::move(data)), where_(std::move(where)) {}

  StateDict run() {
    for (;;) {
      const auto op = cursor_.number<unsigned char>();
      if (op == '.') {
        break;
      }
      step(op);
    }
    StateDict tensors;
    const List& items = *list(pop());
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      const auto* name = std::get_if<std::string>(&items[i].content);
      const auto* tensor = std::get_if<at::Tensor>(&items[i + 1].content);
      if (name == nullptr || tensor == nullptr) {
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

  Value pop() {
    if (stack_.empty()) {
      fail("damaged pickle (empty stack)");
    }
    Value value = std::move(stack_.back());
    stack_.pop_back();
    return value;
  }
  void push(Value value) { stack_.push_back(std::move(value)); }

  std::shared_ptr<List> list(const Value& value) const {
    const auto* found = std::get_if<std::shared_ptr<List>>(&value.content);
    if (found == nullptr) {
      fail("damaged pickle (a sequence was expected)");
    }
    return *found;
  }
  template <class T>
  const T& get(const Value& value) const {
    const T* found = std::get_if<T>(&value.content);
    if (found == nullptr) {
      fail("damaged pickle (a value of another kind was expected)");
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
  void push_list(List values) { push({std::make_shared<List>(std::move(values))}); }
  void push_tuple(std::size_t size) {
    List values(size);
    for (std::size_t i = size; i > 0; --i) {
      values[i - 1] = pop();
    }
    push_list(std::move(values));
  }
  void extend_top(const List& values) {
    if (stack_.empty()) {
      fail("damaged pickle (empty stack)");
    }
    const auto target = list(stack_.back());
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
        reduce();
        return;
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
      fail("damaged pickle (empty stack)");
    }
    return stack_.back();
  }
  const Value& memo(std::uint32_t key) const {
    const auto found = memo_.find(key);
    if (found == memo_.end()) {
      fail("damaged pickle (unknown memo)");
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
      fail(fmt::format(
          "refers to '{}', which eebench does not run; save model.state_dict() instead of "
          "a whole object",
          name));
    }
    push({Global{name}});
  }

  void push_long() {
    const auto size = cursor_.number<std::uint8_t>();
    if (size > sizeof(std::int64_t)) {
      fail("an integer of more than 64 bits");
    }
    std::int64_t value = 0;
    const Bytes bytes = cursor_.take(size);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      value |= static_cast<std::int64_t>(bytes[i]) << (8 * i);
    }
    push({value});
  }

  /// ("storage", type, key, device, elements)
  void push_storage() {
    const auto id = list(pop());
    if (id->size() != 5) {
      fail("a storage reference of an unknown form");
    }
    const std::string& type = get<Global>((*id)[1]).name;
    static const std::map<std::string, at::ScalarType> types{
        {"torch.FloatStorage", at::kFloat}, {"torch.DoubleStorage", at::kDouble},
        {"torch.HalfStorage", at::kHalf},   {"torch.BFloat16Storage", at::kBFloat16},
        {"torch.LongStorage", at::kLong},   {"torch.IntStorage", at::kInt},
        {"torch.ByteStorage", at::kByte},   {"torch.BoolStorage", at::kBool}};
    const auto found = types.find(type);
    if (found == types.end()) {
      fail("a storage of type " + type);
    }
    push({Storage{found->second, get<std::string>((*id)[2])}});
  }

  void reduce() {
    const auto arguments = list(pop());
    const std::string name = get<Global>(pop()).name;
    if (name == "collections.OrderedDict") {
      push_list({});
    } else if (name == "torch._utils._rebuild_parameter" && !arguments->empty()) {
      push((*arguments)[0]);
    } else if (name == "torch._utils._rebuild_tensor_v2" && arguments->size() >= 4) {
      push({tensor(*arguments)});
    } else {
      fail("calls '" + name + "' in an unknown way");
    }
  }

  /// (storage, offset, sizes, strides, ...): checked against the stored bytes before anything is
  /// allocated.
  at::Tensor tensor(const List& arguments) const {
    const auto& storage = get<Storage>(arguments[0]);
    const auto found = data_.find(storage.key);
    if (found == data_.end()) {
      fail("the data of storage '" + storage.key + "' are missing");
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
    const auto item = static_cast<std::int64_t>(c10::elementSize(storage.type));
    const std::int64_t stored = static_cast<std::int64_t>(found->second.size()) / item;
    std::int64_t last = offset;
    bool sound = sizes.size() == strides.size() && offset >= 0 && offset <= stored;
    bool empty = false;
    for (std::size_t d = 0; sound && d < sizes.size(); ++d) {
      sound =
          sizes[d] >= 0 && strides[d] >= 0 && sizes[d] <= stored + 1 && strides[d] <= stored + 1;
      last += sizes[d] > 0 ? (sizes[d] - 1) * strides[d] : 0;
      sound = sound && last <= stored;
      empty = empty || sizes[d] == 0;
    }
    if (!sound || (!empty && last >= stored)) {
      fail("a tensor reaches beyond its storage '" + storage.key + "'");
    }
    at::Tensor flat = at::empty({stored}, storage.type);
    std::memcpy(flat.mutable_data_ptr(), found->second.data(),
                static_cast<std::size_t>(stored * item));
    return at::as_strided(flat, sizes, strides, offset).contiguous();
  }

  Cursor cursor_;
  std::map<std::string, Bytes> data_;
  std::string where_;
  std::vector<Value> stack_;
  std::map<std::uint32_t, Value> memo_;
};

}  // namespace

StateDict read_torch_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    throw InputError(fmt::format("{}: cannot be opened; check the path", path.string()));
  }
  const std::vector<char> content((std::istreambuf_iterator<char>(in)), {});
  const Bytes file(reinterpret_cast<const unsigned char*>(content.data()), content.size());
  std::optional<Bytes> pickle;
  std::map<std::string, Bytes> data;
  for (const auto& [name, bytes] : zip_entries(file, path.string())) {
    if (name.ends_with("/data.pkl")) {
      pickle = bytes;
    } else if (const auto place = name.find("/data/"); place != std::string::npos) {
      data.emplace(name.substr(place + 6), bytes);
    } else if (name.ends_with("/byteorder") &&
               std::string(bytes.begin(), bytes.end()) != "little") {
      throw InputError(path.string() + ": big-endian data; save it on a little-endian machine");
    }
  }
  if (!pickle) {
    throw InputError(path.string() +
                     ": no data.pkl inside; save model.state_dict() with torch.save");
  }
  return Unpickler(*pickle, std::move(data), path.string()).run();
}

}  // namespace eebench::model
