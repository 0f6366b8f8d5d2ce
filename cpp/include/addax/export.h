// What a shared library shows: the namespaces marked ADDAX_API in these headers, nothing else. In a static library
// nothing is marked, so a plugin that links one does not show it to its host.
#pragma once

#if defined(ADDAX_SHARED)
#define ADDAX_API [[gnu::visibility("default")]]
#else
#define ADDAX_API
#endif
