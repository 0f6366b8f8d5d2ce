# `cmake --install`: headers, library, CMake package and pkg-config file. Every path in them is relative to where they
# stand, so the folder may be moved; unless CMAKE_INSTALL_LIBDIR or CMAKE_INSTALL_INCLUDEDIR is an absolute path.
include(CMakePackageConfigHelpers)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/addax)

install(DIRECTORY include/addax DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library)
install(TARGETS addax EXPORT addax-targets COMPONENT library
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT addax-targets NAMESPACE addax:: DESTINATION ${package} COMPONENT library)

if(ADDAX_ONE_OBJECT AND NOT BUILD_SHARED_LIBS)
  # Objects linked into one share what each had of its own: instances of templates, names, names of sections.
  set(library "\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/libaddax.a")
  if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    set(library "${CMAKE_INSTALL_LIBDIR}/libaddax.a")
  endif()
  string(PREPEND library "\$ENV{DESTDIR}")
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

set(ADDAX_PC_LIBDIR "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
set(ADDAX_PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(ADDAX_PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
  set(ADDAX_PC_LIBDIR "${CMAKE_INSTALL_LIBDIR}")
else()
  file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  set(ADDAX_PC_PREFIX "\${pcfiledir}/${up}")
endif()
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(ADDAX_PC_INCLUDEDIR "${CMAKE_INSTALL_INCLUDEDIR}")
endif()
configure_file(addax.pc.in ${CMAKE_CURRENT_BINARY_DIR}/addax.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/addax.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT library)
