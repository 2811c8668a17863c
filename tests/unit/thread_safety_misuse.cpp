// For the compiler only (CMakeLists.txt): reading a guarded member without its mutex is rejected, with it accepted.
#include "apdu/thread_safety.hpp"

namespace {

struct Counter {
    int read() JPKI_EXCLUDES(mutex) {
#ifndef JPKI_MISUSE
        const jpki::MutexLock lock(mutex);
#endif
        return value;
    }
    int read_if_free() JPKI_EXCLUDES(mutex) {
        if (!mutex.try_lock()) return 0;
        const jpki::MutexLock lock(mutex, std::adopt_lock);
        return value;
    }

    jpki::Mutex mutex;
    int value JPKI_GUARDED_BY(mutex) = 0;
};

}  // namespace

int main() {
    Counter counter;
    return counter.read() + counter.read_if_free();
}
