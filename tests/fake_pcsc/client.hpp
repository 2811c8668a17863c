// The libpcsclite side: contexts, handles, and its locks.
#pragma once

#include "service.hpp"

namespace jpki::fake::detail {

struct ClientContext {
    SCARDCONTEXT id = 0;
    std::mutex mutex;  // held by every call that uses the context, for the whole call
    bool released = false;
    std::shared_ptr<Session> session;
    std::map<SCARDHANDLE, std::string> handles;  // under Client::list
};

// A context with its mutex held. The mutex must be released before the context: the order of the members matters.
struct Held {
    std::shared_ptr<ClientContext> context;
    Lock lock;
    std::string reader;  // of the handle
    explicit operator bool() const { return context != nullptr; }
    Session& session() const { return *context->session; }
};

class Client {
public:
    static Client& instance();

    // libpcsclite locks a context's mutex while it holds the mutex of all its lists. So one call that waits for a busy
    // context (in SCardGetStatusChange, for example) blocks every other call of the process, also SCardCancel.
    Held hold(SCARDCONTEXT id);
    Held hold_by_handle(SCARDHANDLE handle);
    // A lookup without the context's mutex.
    std::shared_ptr<ClientContext> find(SCARDCONTEXT id);

    std::shared_ptr<ClientContext> add(std::shared_ptr<Session> session);
    void remove(const std::shared_ptr<ClientContext>& context);
    void add_handle(ClientContext& context, SCARDHANDLE handle, const std::string& reader);
    void remove_handle(ClientContext& context, SCARDHANDLE handle);
    void forget_everything();
    std::pair<std::size_t, std::size_t> open();  // contexts, handles

private:
    Held lock_context(std::shared_ptr<ClientContext> context, std::string reader);

    std::mutex threads_;  // what libpcsclite calls clientMutex
    std::mutex list_;     // guards the maps, never held while waiting
    std::map<SCARDCONTEXT, std::shared_ptr<ClientContext>> contexts_;
    SCARDCONTEXT next_context_ = 0x2000003;
};

// Counts the call, and returns whether a test makes it fail. Call it first, with no lock held.
std::optional<LONG> enter(Function function);

// Calls `call(lock, session, reader name)` with the service's mutex held, again after each wait for another
// program's transaction: SCardBeginTransaction, Transmit, Status and Reconnect of libpcsclite wait without a bound.
template <class Call> LONG retry_while_shared(Function function, SCARDHANDLE handle, Call&& call) {
    Service& service = Service::instance();
    for (;;) {
        Held held = Client::instance().hold_by_handle(handle);
        if (!held) return SCARD_E_INVALID_HANDLE;
        Lock lock(service.mutex);
        const std::uint64_t seen = service.changes;
        const LONG rc = call(lock, held);
        if (rc != SCARD_E_SHARING_VIOLATION) return rc;
        // Others may use the context during the wait.
        held.lock.unlock();
        service.wait_change(lock, function, seen, held.session());
    }
}

}  // namespace jpki::fake::detail
