# `cmake --install`: headers, library, CMake package and pkg-config file. Every path in them is relative to where they
# stand, so the folder may be moved.
include(CMakePackageConfigHelpers)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/addax)

install(DIRECTORY include/addax DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library)
install(TARGETS addax EXPORT addax-targets COMPONENT library
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT addax-targets NAMESPACE addax:: DESTINATION ${package} COMPONENT library)

if(ADDAX_ONE_OBJECT AND NOT BUILD_SHARED_LIBS)
  # Objects linked into one share what each had of its own: instances of templates, names, names of sections.
  set(library "\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/libaddax.a")
  install(CODE "
    execute_process(COMMAND ${CMAKE_LINKER} -r --whole-archive ${library} -o ${library}.o COMMAND_ERROR_IS_FATAL ANY)
    execute_process(COMMAND ${CMAKE_STRIP} --strip-unneeded ${library}.o COMMAND_ERROR_IS_FATAL ANY)
    file(REMOVE \"${library}\")
    execute_process(COMMAND ${CMAKE_AR} crs ${library} ${library}.o COMMAND_ERROR_IS_FATAL ANY)
    file(REMOVE \"${library}.o\")" COMPONENT library)
endif()

set(ADDAX_NEEDS_OPENMP OFF)
set(ADDAX_PC_LIBS "-pthread")
if(ADDAX_THREADS STREQUAL openmp AND NOT BUILD_SHARED_LIBS)
  set(ADDAX_NEEDS_OPENMP ON)
  string(APPEND ADDAX_PC_LIBS " ${OpenMP_CXX_FLAGS}")
endif()
set(ADDAX_PC_CFLAGS "")
if(BUILD_SHARED_LIBS)
  set(ADDAX_PC_CFLAGS " -DADDAX_SHARED=1")
endif()

configure_package_config_file(addax-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/addax-config.cmake
  INSTALL_DESTINATION ${package} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/addax-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/addax-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/addax-config-version.cmake
  DESTINATION ${package} COMPONENT library)

file(RELATIVE_PATH ADDAX_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(addax.pc.in ${CMAKE_CURRENT_BINARY_DIR}/addax.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/addax.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT library)
