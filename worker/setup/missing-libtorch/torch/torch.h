// Found by the compiler only where there is no libtorch: .cargo/config.toml puts this folder behind all others.
// Not #error: the compiler would go on, and say 200,000 more lines.
#include <there is no libtorch in .deps/libtorch: run `make setup` first (or worker/setup/libtorch.sh alone)>
