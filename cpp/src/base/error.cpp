#include "addax/error.h"

namespace addax {

Error::~Error() = default;

void raise(ErrorKind kind, std::string message) { throw Error(kind, std::move(message)); }

}  // namespace addax
