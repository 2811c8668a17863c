#include "apdu/pcsc_connecting.hpp"

#include "apdu/thread_safety.hpp"

#include <condition_variable>
#include <csignal>
#include <dlfcn.h>
#include <pthread.h>
#include <thread>
#include <utility>

namespace jpki {

namespace {

// The thread inherits the mask: the host's threads handle its signals.
class SignalsBlocked {
public:
    SignalsBlocked() noexcept {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

private:
    sigset_t before_{};
};

// The code of a running thread must stay loaded when the host unloads the module.
void keep_loaded() noexcept {
    Dl_info info{};
    if (dladdr(reinterpret_cast<const void*>(&means_service_lost), &info) && info.dli_fname)
        dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

}  // namespace

struct PcscConnecting::Shared {
    Mutex mutex;
    std::condition_variable changed;
    bool done JPKI_GUARDED_BY(mutex) = false;       // `result` is there
    bool waited_for JPKI_GUARDED_BY(mutex) = true;  // by the caller who began, or a later one
    Result result JPKI_GUARDED_BY(mutex);

    void run(const std::string& reader) {
        Result got;
        if (got.context.open())
            got.rc = SCardConnect(got.context.get(), reader.c_str(), SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
                                  &got.card, &got.protocol);
        const MutexLock lock(mutex);
        done = true;
        result = std::move(got);
        if (!waited_for) end();
        changed.notify_all();
    }

    // No caller waits for it.
    void end() noexcept JPKI_REQUIRES(mutex) {
        if (result.rc != SCARD_S_SUCCESS) return;
        // While the process ends libpcsclite 2 may have freed its list of contexts (PcscLink::let_go).
        if (SCardDisconnect(result.card, SCARD_LEAVE_CARD) == SCARD_E_INVALID_HANDLE) result.context.abandon();
        result.context.close();
        result.rc = SCARD_E_TIMEOUT;
    }
};

PcscConnecting::PcscConnecting(const std::string& reader) : shared_(std::make_shared<Shared>()) {
    const SignalsBlocked blocked;
    thread_ = std::thread([shared = shared_, reader] { shared->run(reader); });
}

PcscConnecting::~PcscConnecting() {
    bool done = false;
    {
        const MutexLock lock(shared_->mutex);
        done = shared_->done;
        if (done) shared_->end();
    }
    if (done) thread_.join();
    else thread_.detach();
}

bool PcscConnecting::wait_until(CardClock::time_point deadline) {
    MutexLock lock(shared_->mutex);
    shared_->waited_for = true;
    shared_->changed.wait_until(lock.native(), deadline, [&] {
        shared_->mutex.assert_held();
        return shared_->done;
    });
    return shared_->done;
}

bool PcscConnecting::stop_waiting() {
    const MutexLock lock(shared_->mutex);
    shared_->waited_for = shared_->done;
    if (!shared_->done) keep_loaded();
    return shared_->done;
}

PcscConnecting::Result PcscConnecting::take() {
    const MutexLock lock(shared_->mutex);
    return std::exchange(shared_->result, Result{});
}

}  // namespace jpki
