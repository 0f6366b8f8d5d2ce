# How a dependency is found: the path given with -D, then the Python wheel that ships its headers, then find_package,
# then FetchContent at the pinned version. Nothing is downloaded unless the first three fail.
include(FetchContent)
find_package(Python COMPONENTS Interpreter QUIET)

# nlohmann/json: private to the file floor. Versions and licences: third_party/README.md.
function(addax_find_json)
  if(TARGET addax_json)
    return()
  endif()
  add_library(addax_json INTERFACE)
  if(NOT ADDAX_JSON_INCLUDE AND Python_Interpreter_FOUND)
    execute_process(
      COMMAND ${Python_EXECUTABLE} -c "import nlohmann_json, pathlib; print(pathlib.Path(nlohmann_json.__file__).parent / 'include')"
      OUTPUT_VARIABLE wheel OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
    if(status EQUAL 0 AND EXISTS ${wheel}/nlohmann/json.hpp)
      set(ADDAX_JSON_INCLUDE ${wheel})
    endif()
  endif()
  if(ADDAX_JSON_INCLUDE)
    target_include_directories(addax_json SYSTEM INTERFACE ${ADDAX_JSON_INCLUDE})
    return()
  endif()
  find_package(nlohmann_json 3.10 QUIET)
  if(NOT nlohmann_json_FOUND)
    FetchContent_Declare(nlohmann_json
      URL https://github.com/nlohmann/json/releases/download/v3.11.3/json.tar.xz
      URL_HASH SHA256=d6c65aca6b1ed68e7a182f4757257b107ae403032760ed6ef121c9d55e81757d)
    FetchContent_MakeAvailable(nlohmann_json)
  endif()
  target_link_libraries(addax_json INTERFACE nlohmann_json::nlohmann_json)
endfunction()
