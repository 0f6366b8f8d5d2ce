#include "ops/control_parts.h"

#include <cstring>

#include "addax/ops.h"

namespace addax::ops {

void require_specs(const Infer& in, const Spec& seen, const Spec& wanted, std::string_view what) {
  bool fits = seen.dtype == wanted.dtype && seen.dims.size() == wanted.dims.size();
  for (std::size_t i = 0; fits && i < seen.dims.size(); ++i)
    fits = !seen.dims[i].known() || !wanted.dims[i].known() || seen.dims[i] == wanted.dims[i];
  if (!fits) in.error(what, " must be ", wanted, "; received ", seen);
}

void require_no_variables(const Infer& in, const Program& body) {
  if (!body.variables.empty()) in.error("a body may not use variables of its own");
}

Loop::Loop(const ProgramPtr& program, std::span<const Shape> shapes, int carries) : replay(program, shapes) {
  in.resize(shapes.size());
  out.resize(at(replay.output_count()));
  for (int i = 0; i < carries; ++i) {
    if (replay.output_shape(i) != shapes[at(i)])
      fail(ErrorKind::value, "a loop's body must keep the shapes of its values: ", shapes[at(i)], " became ",
           replay.output_shape(i));
    front.emplace_back(replay.output_dtype(i), replay.output_shape(i));
    back.emplace_back(replay.output_dtype(i), replay.output_shape(i));
  }
  for (int i = carries; i < replay.output_count(); ++i)
    unread.emplace_back(replay.output_dtype(i), replay.output_shape(i));
}

std::vector<Shape> shapes_of(const Run& r, int first) {
  std::vector<Shape> shapes;
  for (int i = first; i < r.input_count(); ++i) shapes.push_back(r.input(i).shape);
  return shapes;
}

void copy_bytes(void* to, const void* from, std::int64_t bytes) {
  if (to != nullptr && bytes > 0) std::memcpy(to, from, static_cast<std::size_t>(bytes));
}

Values concat(std::initializer_list<Values> parts) {
  Values all;
  for (const Values& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Values part(const Values& values, std::size_t first, std::size_t count) {
  return {values.begin() + static_cast<std::ptrdiff_t>(first),
          values.begin() + static_cast<std::ptrdiff_t>(first + count)};
}

Value or_zeros(const Value& gradient, const Value& like) { return gradient ? gradient : zeros_like(like); }

Values declare(Recording& recording, const Specs& specs) {
  Values values;
  for (const Spec& spec : specs) values.push_back(recording.input(text("in_", values.size()), spec));
  return values;
}

}  // namespace addax::ops
