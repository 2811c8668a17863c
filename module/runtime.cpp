#include "module/runtime.hpp"

#include "module/openssl_binding.hpp"

#include <atomic>
#include <mutex>
#include <new>
#include <unistd.h>

namespace jpki {

namespace {

// What one process knows of the library. The parent's is never touched by a child after fork, not even its mutex, which
// some thread of the parent may have held: the child makes its own.
struct Process {
    pid_t pid = 0;
    std::mutex lifecycle;  // one C_Initialize or C_Finalize at a time; held over I/O, and before the other
    std::mutex mutex;
    std::shared_ptr<Runtime> runtime;
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
    // Once in a process tree the static one; after a fork one from the heap, which is left behind with the process.
    Process* mine = first_is_taken.test_and_set() ? new Process : &first.process;
    mine->pid = ::getpid();
    if (current.compare_exchange_strong(before, mine, std::memory_order_acq_rel)) return *mine;
    if (mine != &first.process) delete mine;
    return *before;  // another thread was faster
}

void open_log(Log& log, const Settings& settings) {
    if (!settings.log_file.empty() && settings.log_level != LogLevel::off) log.open(settings.log_file, settings.log_level);
}

// Before anything else of OpenSSL is called.
void require_usable_openssl() {
    const auto trouble = openssl_trouble();
    if (!trouble) return;
    Log log;
    open_log(log, read_settings());
    log.error(*trouble);
    throw Error{CKR_FUNCTION_FAILED};
}

}  // namespace

Runtime::Runtime() {
    services.settings = read_settings();
    const Settings& settings = services.settings;
    open_log(services.log, settings);
    for (const std::string& complaint : settings.complaints) services.log.error(complaint);
}

std::shared_ptr<Runtime> Runtime::get_if_there() noexcept {
    Process* process = process_if_there();
    if (!process) return nullptr;
    const std::scoped_lock lock(process->mutex);
    return process->runtime;
}

std::shared_ptr<Runtime> Runtime::get() {
    auto runtime = get_if_there();
    require(runtime != nullptr, CKR_CRYPTOKI_NOT_INITIALIZED);
    runtime->sessions.end_old_consents();
    return runtime;
}

void Runtime::initialize() {
    Process& process = process_of_ours();
    // What the last runtime does to the card when it ends must not hit a login of the next.
    const std::scoped_lock one_at_a_time(process.lifecycle);
    const std::scoped_lock lock(process.mutex);
    require(process.runtime == nullptr, CKR_CRYPTOKI_ALREADY_INITIALIZED);
    require_usable_openssl();
    process.runtime = std::make_shared<Runtime>();
}

void Runtime::finalize() {
    Process* process = process_if_there();
    require(process != nullptr, CKR_CRYPTOKI_NOT_INITIALIZED);
    const std::scoped_lock one_at_a_time(process->lifecycle);
    std::shared_ptr<Runtime> runtime;
    {
        const std::scoped_lock lock(process->mutex);
        runtime.swap(process->runtime);
    }
    require(runtime != nullptr, CKR_CRYPTOKI_NOT_INITIALIZED);
    runtime->slots.stop_waiting();
    runtime->sessions.close_everything();
    for (const auto& insertion : runtime->slots.insertions()) insertion->lock_card();
}

}  // namespace jpki
