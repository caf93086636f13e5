// The SIMD levels that were built, each a shared object beside the extension, loaded when it is first wanted.
#pragma once

#include <string>
#include <vector>

#include "level.hpp"

namespace tidegate {

// Names of the levels that this processor runs, best first.
std::vector<std::string> levels_here();

// The level of that name; throws std::invalid_argument where it does not run here, std::runtime_error where its object is
// missing or damaged.
const Level& load_level(const std::string& name);

}  // namespace tidegate
