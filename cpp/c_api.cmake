# The C API as a shared library that shows nothing else: for C without a C++ linker, and for other languages.
if(NOT ADDAX_BUILD_C_LIBRARY)
  return()
endif()
add_library(addax_c SHARED src/c_api/c_api.cpp)
add_library(addax::addax_c ALIAS addax_c)
target_include_directories(addax_c PUBLIC
  $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}> PRIVATE src)
target_compile_options(addax_c PRIVATE ${ADDAX_WARNINGS})
target_link_libraries(addax_c PRIVATE addax_internals)
set_target_properties(addax_c PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
if(NOT APPLE)
  target_link_options(addax_c PRIVATE -Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/c_api.map)
  set_property(TARGET addax_c PROPERTY LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/c_api.map)
endif()
if(ADDAX_INSTALL)
  # Targets of its own: the package is whole without them.
  install(TARGETS addax_c EXPORT addax-c-targets COMPONENT c_library LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT addax-c-targets NAMESPACE addax:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/addax COMPONENT c_library)
endif()
