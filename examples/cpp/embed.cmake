# Writes FILE as a C++ source OUTPUT with a constant array of bytes NAME and its size NAME_size:
#   cmake -DFILE=model.json -DNAME=model -DOUTPUT=model.cpp -P embed.cmake
file(READ ${FILE} bytes HEX)
file(SIZE ${FILE} size)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
# Aligned as the weights are in a file.
file(WRITE ${OUTPUT} "#include <cstddef>
extern const unsigned char ${NAME}[];
extern const std::size_t ${NAME}_size;
alignas(64) const unsigned char ${NAME}[] = {
${bytes}};
const std::size_t ${NAME}_size = ${size};
")
