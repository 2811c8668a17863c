#include "module/runtime.hpp"

#include "apdu/cancellation.hpp"
#include "apdu/card_clock.hpp"
#include "apdu/fork_deferral.hpp"
#include "apdu/thread_safety.hpp"
#include "module/open_cards.hpp"
#include "module/openssl_binding.hpp"

#include <atomic>
#include <chrono>
#include <new>
#include <unistd.h>

namespace jpki {

namespace {

// The library's state in one process. A child after fork never uses the parent's, not even its mutex, which
// a thread of the parent may have held: the child creates its own.
struct Process {
    pid_t pid = 0;
    Mutex lifecycle;  // one C_Initialize or C_Finalize at a time; held over I/O
    Mutex mutex JPKI_ACQUIRED_AFTER(lifecycle);
    std::shared_ptr<Runtime> runtime JPKI_GUARDED_BY(mutex);
    OpenCards open_cards;
};

// Never destroyed: hosts call C_Finalize from exit handlers, after static destructors have run.
union FirstProcess {
    constexpr FirstProcess() : process() {}
    ~FirstProcess() {}
    Process process;
};
constinit FirstProcess first;
constinit std::atomic<Process*> current = nullptr;

Process* process_if_there() noexcept {
    Process* process = current.load(std::memory_order_acquire);
    return process && process->pid == ::getpid() ? process : nullptr;
}

Process& process_of_ours() {
    static constinit std::atomic_flag first_is_taken;
    if (Process* process = process_if_there()) return *process;
    Process* before = current.load(std::memory_order_acquire);
    // In the first process the static one; after a fork one from the heap, which is leaked.
    Process* mine = first_is_taken.test_and_set() ? new Process : &first.process;
    mine->pid = ::getpid();
    if (current.compare_exchange_strong(before, mine, std::memory_order_acq_rel)) return *mine;
    if (mine != &first.process) delete mine;
    return *before;  // another thread was faster
}

void open_log(Log& log, const Settings& settings) {
    if (!settings.log_file.empty() && settings.log_level != LogLevel::off) log.open(settings.log_file, settings.log_level);
}

// Before any other call of OpenSSL.
void require_usable_openssl() {
    const auto trouble = openssl_trouble();
    if (!trouble) return;
    Log log;
    open_log(log, read_settings());
    log.error(*trouble);
    throw Error{CKR_FUNCTION_FAILED};
}

}  // namespace

Runtime::Runtime(OpenCards& cards, bool may_create_threads) : services(cards) {
    services.may_create_threads = may_create_threads;
    services.settings = read_settings();
    const Settings& settings = services.settings;
    open_log(services.log, settings);
    for (const std::string& complaint : settings.complaints) services.log.error(complaint);
}

std::shared_ptr<Runtime> Runtime::get_if_there() noexcept {
    Process* process = process_if_there();
    if (!process) return nullptr;
    const MutexLock lock(process->mutex);
    return process->runtime;
}

std::shared_ptr<Runtime> Runtime::get() {
    auto runtime = get_if_there();
    require(runtime != nullptr, CKR_CRYPTOKI_NOT_INITIALIZED);
    runtime->sessions.end_old_consents();
    return runtime;
}

void Runtime::initialize(bool may_create_threads) {
    Process& process = process_of_ours();
    // The end of the last runtime must not affect a login of the next one.
    const MutexLock one_at_a_time(process.lifecycle);
    const MutexLock lock(process.mutex);
    require(process.runtime == nullptr, CKR_CRYPTOKI_ALREADY_INITIALIZED);
    require_usable_openssl();
    process.runtime = std::make_shared<Runtime>(process.open_cards, may_create_threads);
}

void Runtime::finalize() {
    Process* process = process_if_there();
    require(process != nullptr, CKR_CRYPTOKI_NOT_INITIALIZED);
    const MutexLock one_at_a_time(process->lifecycle);
    std::shared_ptr<Runtime> runtime;
    {
        const MutexLock lock(process->mutex);
        runtime.swap(process->runtime);
    }
    require(runtime != nullptr, CKR_CRYPTOKI_NOT_INITIALIZED);
    runtime->reader_monitor.stop();
    runtime->sessions.close_everything();
    for (const auto& insertion : runtime->slots.insertions()) insertion->reset_security_status();
}

// --- the end of the process, and of the loaded module -----------------------------------------------------------------
//
// Many hosts end without C_Finalize, and the login stays open at the card while another program is connected. At exit() come
//   1. exit handlers and destructors of static objects, ours among them, last registered first;
//   2. destructors of shared objects, each before those of the objects that it was linked with.
// libpcsclite has a destructor that frees its list of contexts. pcsc-lite 1.9: we are linked with it, it runs after ours.
// pcsc-lite 2: libpcsclite.so.1 loads libpcsclite_real.so.1 with dlopen at the first call, no object is linked with that, and if
// another part of the host called PC/SC before we were loaded its destructor runs before ours. So the card's security status
// is reset in step 1, where all of libpcsclite still works, by a handler that is registered when the module is loaded: the host's
// handlers that finalise it are usually registered later and run before. Step 2 is for logins that exit handlers of the host
// made after ours, and for dlclose, which runs a shared object's destructor, one without a priority, before the destructors of
// its static objects, which distinguishes it from exit().
//
// Only OPENSSL_cleanse of OpenSSL is needed here, which works after OPENSSL_cleanup too. Not covered: _exit, quick_exit, abort,
// and signals.

namespace {

// Together less than a second at exit().
constexpr std::chrono::milliseconds patience_of_handler{500};
constexpr std::chrono::milliseconds patience_of_destructor{400};

constinit std::atomic<bool> process_exits = false;

// Of what this process opened: nothing in a child that has not initialised again. Never throws, with any state of other threads.
bool reset_security_status_of_cards(std::chrono::milliseconds patience) noexcept {
    const CancellationDisabled uncancelled;
    Process* process = process_if_there();
    return !process || process->open_cards.reset_security_status_of_all(CardClock::now() + patience);
}

struct ExitHandler {
    constexpr ExitHandler() = default;
    ~ExitHandler() {
        process_exits = true;
        reset_security_status_of_cards(patience_of_handler);
    }
};
const ExitHandler exit_handler;

__attribute__((destructor)) void unload() {
    const bool ended = reset_security_status_of_cards(patience_of_destructor);
    // Other threads may be inside: the end of the process releases memory and connections.
    if (process_exits) return;
    // dlclose: no thread is inside, nor will be. Where another program holds the card, C_Finalize would wait for it again.
    const CancellationDisabled uncancelled;
    try {
        if (ended) Runtime::finalize();
    } catch (...) {
        // not initialised
    }
    wait_for_forks();
}

}  // namespace

}  // namespace jpki
