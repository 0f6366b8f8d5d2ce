#include <doctest/doctest.h>

#include "addax/error.h"
#include "addax/shape.h"

using namespace addax;

TEST_CASE("equal expressions compare equal however they were written") {
  const Dim b = Dim::unknown("batch"), t = Dim::unknown("time");
  CHECK((b + 1) * 2 == b * 2 + 2);
  CHECK(b * t - t * b == 0);
  CHECK((b + t) - t == b);
  CHECK_FALSE(b == t);
  CHECK_FALSE(b == 3);
}

TEST_CASE("division is exact where the polynomial divides and stays symbolic where it does not") {
  const Dim b = Dim::unknown("batch"), t = Dim::unknown("time");
  CHECK(floor_div(b * t * 6, b * 3) == t * 2);
  const Dim half = floor_div(t - 3, Dim(2)) + 1;
  CHECK_FALSE(half.known());
  CHECK(half.evaluate({{"time", 10}}) == 4);
  CHECK(floor_div(Dim(-3), Dim(2)) == -2);
  CHECK_THROWS_AS(floor_div(b, Dim(0)), Error);
}

TEST_CASE("what str wrote, parse reads") {
  const Dim b = Dim::unknown("batch"), t = Dim::unknown("time_1");
  for (const Dim& dim : {b, b * 2 - t * t * 3 + 7, floor_div(b + t - 1, t), min(b, t + 1) * 4, max(b, Dim(0)),
                         broadcast(b, t) * 2, Dim(12), Dim(-5)})
    CHECK(Dim::parse(dim.str()) == dim);
}

TEST_CASE("malformed or hostile expressions are errors") {
  for (const char* text : {"", "batch +", "1 2", "floor(batch)", "pow(a, b)", "99999999999999999999", "a)", "4x"})
    CHECK_THROWS_AS(Dim::parse(text), Error);
  CHECK_THROWS_AS(Dim::parse(std::string(100000, '(')), Error);
  std::string deep = "a";
  for (int i = 0; i < 100; ++i) deep = "min(" + deep + ", 1)";
  CHECK_THROWS_AS(Dim::parse(deep), Error);
}

TEST_CASE("sizes are multiplied with a check") {
  const Dim b = Dim::unknown("batch");
  CHECK_THROWS_AS((b * b * b).evaluate({{"batch", std::int64_t{1} << 40}}), Error);
  CHECK_THROWS_AS(Shape({std::int64_t{1} << 40, std::int64_t{1} << 40}).elements(), Error);
  CHECK_THROWS_AS((Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}), Error);
}

TEST_CASE("broadcasting follows NumPy; a number wins over an unknown") {
  const Dim b = Dim::unknown("batch");
  CHECK(broadcast({b, 1, 3}, {4, 1}, "add") == Dims{b, 4, 3});
  CHECK(broadcast({b}, {5}, "add") == Dims{5});
  CHECK(broadcast({}, {b, 2}, "add") == Dims{b, 2});
  const Dim t = Dim::unknown("time");
  CHECK(broadcast(broadcast(b, t), b) == broadcast(t, b));
  CHECK(broadcast(b, t).evaluate({{"batch", 1}, {"time", 0}}) == 0);
  CHECK(broadcast(b, t).evaluate({{"batch", 4}, {"time", 1}}) == 4);
  CHECK_THROWS_WITH_AS(broadcast(b, t).evaluate({{"batch", 4}, {"time", 3}}),
                       "dimensions 'batch' and 'time' have sizes 4 and 3, which cannot be broadcast together", Error);
  CHECK_THROWS_WITH_AS(broadcast({2, 3}, {4}, "add"), "add: shapes (2, 3) and (4,) cannot be broadcast together",
                       Error);
}
