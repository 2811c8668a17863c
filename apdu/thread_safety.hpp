// Mutexes that clang's thread safety analysis checks (-Wthread-safety): declarations name the mutex that guards a member, and
// the ones that a function needs or must not find held. Other compilers see plain mutexes.
#pragma once

#include <mutex>

#ifdef __clang__
#define JPKI_THREAD_SAFETY(attribute) __attribute__((attribute))
#else
#define JPKI_THREAD_SAFETY(attribute)
#endif

// Of a member: read and written only with the mutex held; the second: what a pointer points to.
#define JPKI_GUARDED_BY(mutex) JPKI_THREAD_SAFETY(guarded_by(mutex))
#define JPKI_PT_GUARDED_BY(mutex) JPKI_THREAD_SAFETY(pt_guarded_by(mutex))
// Of a function: its caller holds the mutexes; its caller does not hold them (the function takes them, or does I/O).
#define JPKI_REQUIRES(...) JPKI_THREAD_SAFETY(requires_capability(__VA_ARGS__))
#define JPKI_EXCLUDES(...) JPKI_THREAD_SAFETY(locks_excluded(__VA_ARGS__))
// Of a function: it returns with the mutex locked; unlocked; locked if it returns the first argument; a reference to the mutex.
#define JPKI_ACQUIRE(...) JPKI_THREAD_SAFETY(acquire_capability(__VA_ARGS__))
#define JPKI_RELEASE(...) JPKI_THREAD_SAFETY(release_capability(__VA_ARGS__))
#define JPKI_TRY_ACQUIRE(...) JPKI_THREAD_SAFETY(try_acquire_capability(__VA_ARGS__))
#define JPKI_RETURN_CAPABILITY(mutex) JPKI_THREAD_SAFETY(lock_returned(mutex))
// Of a mutex: locked after that one, if both are locked.
#define JPKI_ACQUIRED_AFTER(...) JPKI_THREAD_SAFETY(acquired_after(__VA_ARGS__))
// Of a function that the analysis cannot follow; a comment says why it is correct.
#define JPKI_NO_THREAD_SAFETY_ANALYSIS JPKI_THREAD_SAFETY(no_thread_safety_analysis)

namespace jpki {

class JPKI_THREAD_SAFETY(capability("mutex")) Mutex {
public:
    void lock() JPKI_ACQUIRE() { mutex_.lock(); }
    bool try_lock() JPKI_TRY_ACQUIRE(true) { return mutex_.try_lock(); }
    void unlock() JPKI_RELEASE() { mutex_.unlock(); }
    // Tells the analysis, in a lambda that is called with the mutex held. Does nothing.
    void assert_held() const noexcept JPKI_THREAD_SAFETY(assert_capability(this)) {}

private:
    friend class MutexLock;
    std::mutex mutex_;
};

// Holds a mutex until the end of the block.
class JPKI_THREAD_SAFETY(scoped_lockable) MutexLock {
public:
    explicit MutexLock(Mutex& mutex) JPKI_ACQUIRE(mutex) : lock_(mutex.mutex_) {}
    // Takes over a mutex that try_lock() locked.
    MutexLock(Mutex& mutex, std::adopt_lock_t) JPKI_REQUIRES(mutex) : lock_(mutex.mutex_, std::adopt_lock) {}
    ~MutexLock() JPKI_RELEASE() {}
    MutexLock(const MutexLock&) = delete;
    MutexLock& operator=(const MutexLock&) = delete;

    // For std::condition_variable::wait, which returns with the mutex locked again.
    std::unique_lock<std::mutex>& native() noexcept { return lock_; }

private:
    std::unique_lock<std::mutex> lock_;
};

}  // namespace jpki
