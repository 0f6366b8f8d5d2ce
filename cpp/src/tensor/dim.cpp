// Symbolic sizes as polynomials with integer coefficients over atoms: unknowns, and floor divisions, minima, maxima and
// broadcasts that do not simplify. The canonical text of an atom decides order and equality.
#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "addax/error.h"
#include "addax/shape.h"
#include "base/checked.h"
#include "tensor/unknowns.h"

namespace addax {
namespace {

enum class AtomKind { unknown, floor_div, min, max, broadcast };

}  // namespace

struct DimAtom {
  AtomKind kind;
  std::string text;  // the unknown's name, or floor(a, b), min(a, b), max(a, b), broadcast(a, b)
  Dim a, b;          // operands where it is not an unknown
};

using Atom = std::shared_ptr<const DimAtom>;
using Monomial = std::vector<Atom>;  // sorted by text

namespace {

struct ByText {
  bool operator()(const Monomial& a, const Monomial& b) const {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                        [](const Atom& x, const Atom& y) { return x->text < y->text; });
  }
};

}  // namespace

struct Dim::Expression {
  std::map<Monomial, std::int64_t, ByText> terms;  // monomial → coefficient, none zero
};

using Terms = std::map<Monomial, std::int64_t, ByText>;

struct DimAccess {
  static Terms terms(const Dim& d) {
    if (!d.known()) return d.expression_->terms;
    Terms terms;
    if (d.value_ != 0) terms[{}] = d.value_;
    return terms;
  }
  static Dim make(Terms terms) {
    std::erase_if(terms, [](const auto& term) { return term.second == 0; });
    if (terms.empty()) return Dim(0);
    if (terms.size() == 1 && terms.begin()->first.empty()) return Dim(terms.begin()->second);
    return Dim(std::make_shared<const Dim::Expression>(Dim::Expression{std::move(terms)}));
  }
  static Dim atom(AtomKind kind, std::string text, Dim a = 0, Dim b = 0) {
    Terms terms;
    terms[{std::make_shared<const DimAtom>(DimAtom{kind, std::move(text), std::move(a), std::move(b)})}] = 1;
    return make(std::move(terms));
  }
};

namespace {

Monomial times(const Monomial& a, const Monomial& b) {
  Monomial result;
  std::merge(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(result),
             [](const Atom& x, const Atom& y) { return x->text < y->text; });
  return result;
}

// a / b where b is one term and divides every term of a.
std::optional<Terms> divide_exactly(const Terms& a, const Terms& b) {
  if (b.size() != 1) return std::nullopt;
  const auto& [divisor, coefficient] = *b.begin();
  Terms result;
  for (const auto& [monomial, c] : a) {
    if (c % coefficient != 0) return std::nullopt;
    Monomial rest = monomial;
    for (const Atom& atom : divisor) {
      const auto it = std::find_if(rest.begin(), rest.end(), [&](const Atom& x) { return x->text == atom->text; });
      if (it == rest.end()) return std::nullopt;
      rest.erase(it);
    }
    result[rest] += c / coefficient;
  }
  return result;
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  if (b == 0) fail(ErrorKind::value, "a dimension is divided by zero");
  const std::int64_t q = a / b;
  return (a % b != 0 && (a < 0) != (b < 0)) ? q - 1 : q;
}

std::string call(std::string_view name, const Dim& a, const Dim& b) {
  return text(name, "(", a.str(), ", ", b.str(), ")");
}

std::int64_t evaluate_atom(const DimAtom& atom, const Bindings& bindings) {
  if (atom.kind == AtomKind::unknown) {
    const auto it = bindings.find(atom.text);
    if (it == bindings.end()) fail(ErrorKind::value, "the size of dimension '", atom.text, "' is not known");
    return it->second;
  }
  const std::int64_t a = atom.a.evaluate(bindings), b = atom.b.evaluate(bindings);
  if (atom.kind == AtomKind::floor_div) return floor_divide(a, b);
  if (atom.kind == AtomKind::broadcast) {
    if (a != b && a != 1 && b != 1)
      fail(ErrorKind::value, "dimensions '", atom.a, "' and '", atom.b, "' have sizes ", a, " and ", b,
           ", which cannot be broadcast together");
    return a == 1 ? b : a;
  }
  return atom.kind == AtomKind::min ? std::min(a, b) : std::max(a, b);
}

}  // namespace

Dim::Dim(std::shared_ptr<const Expression> expression) : expression_(std::move(expression)) {}

Dim Dim::unknown(std::string name) { return DimAccess::atom(AtomKind::unknown, std::move(name)); }

std::int64_t Dim::value() const {
  if (!known()) fail(ErrorKind::value, "the size of dimension '", str(), "' is not known here");
  return value_;
}

std::int64_t Dim::evaluate(const Bindings& bindings) const {
  if (known()) return value_;
  std::int64_t total = 0;
  for (const auto& [monomial, coefficient] : expression_->terms) {
    std::int64_t term = coefficient;
    for (const Atom& atom : monomial) term = checked_mul(term, evaluate_atom(*atom, bindings));
    total = checked_add(total, term);
  }
  return total;
}

std::string Dim::str() const {
  if (known()) return std::to_string(value_);
  std::string out;
  for (const auto& [monomial, coefficient] : expression_->terms) {
    std::string term;
    for (const Atom& atom : monomial) term += (term.empty() ? "" : "*") + atom->text;
    const bool negative = coefficient < 0;
    const std::string magnitude = std::to_string(negative ? -coefficient : coefficient);
    if (term.empty()) {
      term = magnitude;
    } else if (magnitude != "1") {
      term = magnitude + "*" + term;
    }
    out += out.empty() ? (negative ? "-" : "") : (negative ? " - " : " + ");
    out += term;
  }
  return out;
}

bool Dim::operator==(const Dim& other) const {
  if (known() || other.known()) return known() && other.known() && value_ == other.value_;
  return expression_ == other.expression_ || str() == other.str();
}

Dim operator+(const Dim& a, const Dim& b) {
  if (a.known() && b.known()) return checked_add(a.value_, b.value_);
  Terms terms = DimAccess::terms(a);
  for (const auto& [monomial, c] : DimAccess::terms(b)) terms[monomial] = checked_add(terms[monomial], c);
  return DimAccess::make(std::move(terms));
}

Dim operator-(const Dim& a, const Dim& b) { return a + b * Dim(-1); }

Dim operator*(const Dim& a, const Dim& b) {
  if (a.known() && b.known()) return checked_mul(a.value_, b.value_);
  Terms terms;
  const Terms right = DimAccess::terms(b);
  for (const auto& [x, cx] : DimAccess::terms(a)) {
    for (const auto& [y, cy] : right) {
      std::int64_t& c = terms[times(x, y)];
      c = checked_add(c, checked_mul(cx, cy));
    }
  }
  return DimAccess::make(std::move(terms));
}

Dim floor_div(const Dim& a, const Dim& b) {
  if (b == 0) fail(ErrorKind::value, "a dimension is divided by zero");
  if (a.known() && b.known()) return floor_divide(a.value_, b.value_);
  if (auto exact = divide_exactly(DimAccess::terms(a), DimAccess::terms(b))) return DimAccess::make(std::move(*exact));
  return DimAccess::atom(AtomKind::floor_div, call("floor", a, b), a, b);
}

Dim min(const Dim& a, const Dim& b) {
  if (a == b) return a;
  if (a.known() && b.known()) return std::min(a.value_, b.value_);
  return DimAccess::atom(AtomKind::min, call("min", a, b), a, b);
}

Dim max(const Dim& a, const Dim& b) {
  if (a == b) return a;
  if (a.known() && b.known()) return std::max(a.value_, b.value_);
  return DimAccess::atom(AtomKind::max, call("max", a, b), a, b);
}

namespace {

// What a size is the broadcast of: of itself alone unless it is an atom of that kind.
void collect_broadcast(const Dim& dim, const Terms& terms, std::map<std::string, Dim>& parts) {
  if (terms.size() == 1 && terms.begin()->second == 1 && terms.begin()->first.size() == 1) {
    const DimAtom& atom = *terms.begin()->first[0];
    if (atom.kind == AtomKind::broadcast) {
      collect_broadcast(atom.a, DimAccess::terms(atom.a), parts);
      collect_broadcast(atom.b, DimAccess::terms(atom.b), parts);
      return;
    }
  }
  parts.emplace(dim.str(), dim);
}

}  // namespace

// Each part once and in order, so that equal sets of sizes give equal expressions.
Dim broadcast(const Dim& a, const Dim& b) {
  if (a == b || b == 1) return a;
  if (a == 1 || b.known()) return b;
  if (a.known()) return a;
  std::map<std::string, Dim> parts;
  collect_broadcast(a, DimAccess::terms(a), parts);
  collect_broadcast(b, DimAccess::terms(b), parts);
  Dim result = parts.begin()->second;
  for (auto part = std::next(parts.begin()); part != parts.end(); ++part)
    result = DimAccess::atom(AtomKind::broadcast, call("broadcast", result, part->second), result, part->second);
  return result;
}

std::ostream& operator<<(std::ostream& out, const Dim& dim) { return out << dim.str(); }

namespace {

// sum := [-] product {(+|-) product};  product := factor {* factor};  factor := number | name | name(sum, sum)
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Dim parse() {
    const Dim result = sum(0);
    if (position_ != text_.size()) error();
    return result;
  }

 private:
  static constexpr int kMaxDepth = 32;
  static constexpr std::size_t kMaxLength = 4096;

  [[noreturn]] void error() const {
    fail(ErrorKind::value, "'", text_.substr(0, 80), "' is not a dimension expression");
  }
  void skip() {
    while (position_ < text_.size() && text_[position_] == ' ') ++position_;
  }
  bool take(char c) {
    skip();
    if (position_ >= text_.size() || text_[position_] != c) return false;
    ++position_;
    skip();
    return true;
  }
  Dim sum(int depth) {
    if (depth > kMaxDepth || text_.size() > kMaxLength) error();
    Dim total = take('-') ? Dim(0) - product(depth) : product(depth);
    for (;;) {
      if (take('+')) {
        total = total + product(depth);
      } else if (take('-')) {
        total = total - product(depth);
      } else {
        return total;
      }
    }
  }
  Dim product(int depth) {
    Dim total = factor(depth);
    while (take('*')) total = total * factor(depth);
    return total;
  }
  Dim factor(int depth) {
    skip();
    const std::size_t start = position_;
    const auto word = [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '.' || c == ':'; };
    while (position_ < text_.size() && word(static_cast<unsigned char>(text_[position_]))) ++position_;
    const std::string name(text_.substr(start, position_ - start));
    if (name.empty()) error();
    if (std::isdigit(static_cast<unsigned char>(name[0]))) return number(name);
    if (!take('(')) return Dim::unknown(name);
    const Dim a = sum(depth + 1);
    if (!take(',')) error();
    const Dim b = sum(depth + 1);
    if (!take(')')) error();
    if (name == "floor") return floor_div(a, b);
    if (name == "min") return min(a, b);
    if (name == "max") return max(a, b);
    if (name == "broadcast") return broadcast(a, b);
    error();
  }
  Dim number(const std::string& digits) const {
    std::int64_t value = 0;
    for (const char c : digits) {
      if (!std::isdigit(static_cast<unsigned char>(c))) error();
      value = checked_add(checked_mul(value, 10), c - '0');
    }
    return value;
  }

  std::string_view text_;
  std::size_t position_ = 0;
};

}  // namespace

Dim Dim::parse(std::string_view text) { return Parser(text).parse(); }

bool mentions(const Dim& dim, std::string_view unknown) {
  for (const auto& [monomial, coefficient] : DimAccess::terms(dim))
    for (const Atom& atom : monomial) {
      if (atom->kind == AtomKind::unknown ? atom->text == unknown
                                          : mentions(atom->a, unknown) || mentions(atom->b, unknown))
        return true;
    }
  return false;
}

}  // namespace addax
