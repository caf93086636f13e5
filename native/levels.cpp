#include "levels.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <stdexcept>

#include "headers.inc"
#include "memory_pool.hpp"
#include "threads.hpp"

namespace tidegate {
namespace {

constexpr Runtime kRuntime{run_team, allocate_memory, release_memory};

bool runs_here(const std::string& name) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (name == "avx512")
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (name == "avx2") return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return name == "baseline";
}

// The folder of the object that this code is in, which is the extension's.
std::string folder() {
    Dl_info here{};
    if (!dladdr(reinterpret_cast<const void*>(&load_level), &here) || !here.dli_fname) return {};
    const std::string path = here.dli_fname;
    return path.substr(0, path.find_last_of('/') + 1);
}

const Level* open_level(const std::string& name) {
    const std::string path = folder() + "_level_" + name + ".so";
    void* object = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    void* entry = object ? dlsym(object, kLevelEntry) : nullptr;
    if (!entry) {
        const char* why = dlerror();
        throw std::runtime_error("a part of tidegate's engine cannot be loaded (" + std::string(why ? why : path) +
                                 "); install tidegate again");
    }
    return reinterpret_cast<LevelEntry>(entry)(&kRuntime);
}

}  // namespace

std::vector<std::string> levels_here() {
    std::vector<std::string> names;
    for (const char* name : kLevels)
        if (runs_here(name)) names.emplace_back(name);
    return names;
}

const Level& load_level(const std::string& name) {
    static std::mutex loading;
    static std::map<std::string, const Level*> loaded;
    const std::lock_guard lock(loading);
    if (const auto found = loaded.find(name); found != loaded.end()) return *found->second;
    const auto names = levels_here();
    if (std::find(names.begin(), names.end(), name) == names.end())
        throw std::invalid_argument("this processor has no SIMD level " + name);
    return *(loaded[name] = open_level(name));
}

}  // namespace tidegate
