// The side of libpcsclite: contexts, handles, and its locks.
#pragma once

#include "service.hpp"

namespace jpki::fake::detail {

struct ClientContext {
    SCARDCONTEXT id = 0;
    std::mutex mutex;  // held by every call that uses the context, for as long as the call takes
    bool released = false;
    std::shared_ptr<Session> session;
    std::map<SCARDHANDLE, std::string> handles;  // under Client::list
};

// A context whose mutex is held. The mutex must be given up before the context: the order of the members matters.
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

    // libpcsclite takes a context's mutex while it holds the mutex of all its lists. So one call that waits for a busy
    // context (one in SCardGetStatusChange, say) stops every other call of the process, SCardCancel included.
    Held hold(SCARDCONTEXT id);
    Held hold_by_handle(SCARDHANDLE handle);
    // A look without the context's mutex.
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

// Counts the call, and says whether a test wants it to fail. To be called first, with no lock held.
std::optional<LONG> enter(Function function);

// Calls `call(lock, session, reader name)` with the service's mutex held, repeatedly as long as it meets another
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
        // Others may use the context while we wait.
        held.lock.unlock();
        service.wait_change(lock, function, seen, held.session());
    }
}

}  // namespace jpki::fake::detail
