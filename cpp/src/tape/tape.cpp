#include "addax/tape.h"

#include <algorithm>
#include <atomic>
#include <span>
#include <unordered_map>
#include <unordered_set>

#include "addax/error.h"
#include "addax/ops.h"
#include "addax/program.h"
#include "base/build.h"
#include "base/left_out.h"
#include "ops/halves.h"
#include "ops/operation.h"

namespace addax {

namespace {

struct Entry {
  const Operation* operation;  // nullptr: a custom gradient
  Attributes attributes;
  Values inputs, outputs;
  GradientFunction custom;
};

// A variable's values under a tape.
struct Reads {
  VariablePtr variable;  // kept, so that the address stays its own
  Values values;         // one more after each assignment
};

using GradientsById = std::unordered_map<std::uint64_t, Value>;

// Sums contributions: a value used twice gets both gradients.
void accumulate(GradientsById& gradients, const Value& value, const Value& contribution) {
  Value& total = gradients[value.id()];
  total = total ? ops::add(total, contribution) : contribution;
}

// Whether a gradient has its value's shape, as far as both are known.
bool fits(const Value& gradient, const Value& value) {
  const Dims &a = gradient.dims(), &b = value.dims();
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i].known() && b[i].known() && !(a[i] == b[i])) return false;
  return true;
}

}  // namespace

struct Tape::Book {
  bool persistent;
  bool watch_variables;
  std::atomic<bool> open = false;
  bool walked = false;              // while its gradient is taken: it does not write down its own walk
  std::shared_ptr<Recording> home;  // the recording that was current when the tape started
  std::vector<Entry> entries;
  std::unordered_set<std::uint64_t> watched;
  std::unordered_map<const Variable*, Reads> variables;

  bool writes() const { return open && !walked; }
  bool watches(const Value& value) const { return watched.contains(value.id()); }
  bool watches_any(std::span<const Value> values) const {
    return std::any_of(values.begin(), values.end(), [&](const Value& v) { return watches(v); });
  }
  void add(Entry entry) {
    for (const Value& output : entry.outputs)
      if (is_floating(output.dtype())) watched.insert(output.id());
    entries.push_back(std::move(entry));
  }
};

class Tape::Walk {
 public:
  explicit Walk(Book& book) : book_(book), before_(book.walked) { book.walked = true; }
  ~Walk() { book_.walked = before_; }
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;

 private:
  Book& book_;
  bool before_;
};

std::vector<std::shared_ptr<Tape::Book>>& Tape::open_books() {
  thread_local std::vector<std::shared_ptr<Book>> books;
  return books;
}

Tape::Tape(bool persistent, bool watch_variables) : book_(std::make_shared<Book>()) {
  book_->persistent = persistent;
  book_->watch_variables = watch_variables;
}

Tape::~Tape() { stop(); }

void Tape::start() {
  if constexpr (!kTraining) fail(ErrorKind::unsupported, "there are no gradients", left_out_note());
  if (active()) fail(ErrorKind::value, "the tape is already recording");
  std::vector<std::shared_ptr<Book>>& books = open_books();
  std::erase_if(books, [](const auto& book) { return !book->open; });  // those that other threads closed
  book_->home = Recording::current();
  book_->open = true;
  books.push_back(book_);
}

void Tape::stop() {
  book_->open = false;
  std::erase(open_books(), book_);
}

bool Tape::active() const { return book_->open; }

void Tape::reset() {
  book_->entries.clear();
  book_->watched.clear();
  book_->variables.clear();
}

void Tape::watch(const Value& value) {
  if (!is_floating(value.dtype()))
    fail(ErrorKind::value, "only floating-point values can be watched; received ", value.spec());
  book_->watched.insert(value.id());
}

bool Tape::watches(const Value& value) const { return book_->watches(value); }

void Tape::write(const Operation& operation, const Attributes& attributes, std::span<const Value> inputs,
                 std::span<const Value> outputs) {
  if (operation.gradient == nullptr) return;
  for (const auto& book : open_books())
    if (book->writes() && book->watches_any(inputs))
      book->add({&operation, attributes, {inputs.begin(), inputs.end()}, {outputs.begin(), outputs.end()}, nullptr});
}

void Tape::write_custom(const Values& inputs, const Values& outputs, const GradientFunction& gradient) {
  const std::shared_ptr<Recording> recording = Recording::current();
  const bool open =
      std::any_of(open_books().begin(), open_books().end(), [](const auto& book) { return book->writes(); });
  if (open && recording != nullptr && recording->is_body())
    fail(ErrorKind::unsupported,
         "a function with a gradient of its own cannot be differentiated inside scan, while_loop or cond; call it "
         "outside, write it with operations that have gradients, or stop the tape around it");
  for (const auto& book : open_books())
    if (book->writes() && book->watches_any(inputs)) book->add({nullptr, {}, inputs, outputs, gradient});
}

void Tape::note_read(const VariablePtr& variable, const Value& value, const Recording* where) {
  for (const auto& book : open_books()) {
    if (!book->writes() || book->home.get() != where) continue;
    Values& values = book->variables.try_emplace(variable.get(), Reads{variable, {}}).first->second.values;
    const bool seen =
        std::any_of(values.begin(), values.end(), [&](const Value& earlier) { return earlier.id() == value.id(); });
    if (!seen) values.push_back(value);
    if (book->watch_variables && variable->trainable() && is_floating(value.dtype())) book->watched.insert(value.id());
  }
}

bool Tape::any_watches(const Value& value) {
  return std::any_of(open_books().begin(), open_books().end(),
                     [&](const auto& book) { return book->writes() && book->watches(value); });
}

Value Tape::value_of(const VariablePtr& variable) const {
  const auto it = book_->variables.find(variable.get());
  return it == book_->variables.end() ? Value() : it->second.values.front();
}

Values Tape::gradient_by(const Values& targets, const std::vector<Source>& sources, const Values& upstream) {
  Values values;
  std::vector<std::size_t> counts;
  for (const Source& source : sources) {
    const std::size_t before = values.size();
    if (const VariablePtr* variable = std::get_if<VariablePtr>(&source)) {
      const auto it = book_->variables.find(variable->get());
      if (it != book_->variables.end()) values.insert(values.end(), it->second.values.begin(), it->second.values.end());
    } else {
      values.push_back(std::get<Value>(source));
    }
    counts.push_back(values.size() - before);
  }
  const Values gradients = gradient(targets, values, upstream);
  const Walk walk(*book_);
  Values results;
  auto next = gradients.begin();
  for (const std::size_t count : counts) {
    Value total;
    for (std::size_t i = 0; i < count; ++i, ++next)
      if (*next) total = total ? ops::add(total, *next) : *next;
    results.push_back(total);
  }
  return results;
}

Values Tape::gradient(const Values& targets, const Values& sources, const Values& upstream) {
  const std::shared_ptr<Book> book = book_;
  const Walk walk(*book);
  for (std::size_t i = 0; i < std::min(targets.size(), upstream.size()); ++i)
    if (upstream[i] && !fits(upstream[i], targets[i]))
      fail(ErrorKind::value, "gradient: a target of shape ", targets[i].dims(), " has an upstream gradient of shape ",
           upstream[i].dims());
  // Forward: which values depend on a source. Only their gradients are computed.
  std::unordered_set<std::uint64_t> needed;
  for (const Value& source : sources)
    if (source && watches(source)) needed.insert(source.id());
  std::vector<const Entry*> path;
  for (const Entry& entry : book->entries) {
    const bool depends =
        std::any_of(entry.inputs.begin(), entry.inputs.end(), [&](const Value& v) { return needed.contains(v.id()); });
    if (!depends) continue;
    path.push_back(&entry);
    for (const Value& output : entry.outputs)
      if (is_floating(output.dtype())) needed.insert(output.id());
  }

  GradientsById gradients;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const Value seed = i < upstream.size() && upstream[i] ? upstream[i] : ops::ones_like(targets[i]);
    accumulate(gradients, targets[i], seed);
  }
  for (auto it = path.rbegin(); it != path.rend(); ++it) {
    const Entry& entry = **it;
    Values incoming;
    bool any = false;
    for (const Value& output : entry.outputs) {
      const auto found = gradients.find(output.id());
      incoming.push_back(found == gradients.end() ? Value() : found->second);
      any = any || incoming.back();
    }
    if (!any) continue;
    std::vector<bool> wanted;
    for (const Value& input : entry.inputs) wanted.push_back(needed.contains(input.id()) && is_floating(input.dtype()));
    const Values outgoing =
        entry.custom ? entry.custom(incoming)
                     : gradient_of(*entry.operation, entry.attributes, entry.inputs, entry.outputs, incoming, wanted);
    for (std::size_t i = 0; i < entry.inputs.size() && i < outgoing.size(); ++i) {
      if (!wanted[i] || !outgoing[i]) continue;
      if (!fits(outgoing[i], entry.inputs[i]))
        fail(ErrorKind::value, "gradient of ", entry.custom ? "a custom function" : entry.operation->name,
             ": an input of shape ", entry.inputs[i].dims(), " got a gradient of shape ", outgoing[i].dims());
      accumulate(gradients, entry.inputs[i], outgoing[i]);
    }
  }

  Values results;
  for (const Value& source : sources) {
    const auto found = source ? gradients.find(source.id()) : gradients.end();
    results.push_back(found == gradients.end() ? Value() : found->second);
  }
  if (!book->persistent) reset();
  return results;
}

}  // namespace addax
