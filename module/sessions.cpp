#include "module/sessions.hpp"

#include "module/caller.hpp"

#include <algorithm>

namespace jpki {

CK_STATE Session::state() const noexcept {
    if (token.logged_in()) return read_write() ? CKS_RW_USER_FUNCTIONS : CKS_RO_USER_FUNCTIONS;
    return read_write() ? CKS_RW_PUBLIC_SESSION : CKS_RO_PUBLIC_SESSION;
}

// The caller destroys them without the lock: with the last session of an insertion the connection to the card ends.
std::vector<std::shared_ptr<Session>> SessionTable::take_out(const std::function<bool(const Session&)>& wanted) {
    std::vector<std::shared_ptr<Session>> taken;
    const MutexLock lock(mutex_);
    for (auto it = sessions_.begin(); it != sessions_.end();) {
        if (!wanted(*it->second)) {
            ++it;
            continue;
        }
        taken.push_back(std::move(it->second));
        it = sessions_.erase(it);
    }
    return taken;
}

CK_SESSION_HANDLE SessionTable::open(CK_SLOT_ID slot, CK_FLAGS flags) {
    auto insertion = slots_.insertion(slot);
    const KeyUse use = slots_.use_of(slot);
    // From now on a removal must be noticed, also that of a reader which comes back unchanged.
    insertion->card().connect();
    const CK_SESSION_HANDLE handle = services_.next_handle();
    auto session = std::make_shared<Session>(handle, slot, flags, std::move(insertion), use);
    // A caller that learned of the removal otherwise never uses its old sessions again; each would keep a connection
    // to pcscd each until C_Finalize.
    const auto dead = take_out([](const Session& old) { return old.insertion->gone(); });
    const MutexLock lock(mutex_);
    sessions_.emplace(handle, std::move(session));
    return handle;
}

std::shared_ptr<Session> SessionTable::get(CK_SESSION_HANDLE handle) {
    std::shared_ptr<Session> session;
    {
        const MutexLock lock(mutex_);
        const auto found = sessions_.find(handle);
        require(found != sessions_.end(), CKR_SESSION_HANDLE_INVALID);
        session = found->second;
    }
    caller_of_this_thread = {session->slot, handle};
    if (slots_.still_there(session->slot, *session->insertion)) return session;
    // The removal of a token closes its sessions (PKCS#11 5.6, C_CloseSession).
    take_out([&](const Session& other) { return other.insertion == session->insertion; });
    throw Error{CKR_SESSION_HANDLE_INVALID};
}

// Without the lock: ends operations, and logs out if the last session was closed.
void SessionTable::finish(std::vector<std::shared_ptr<Session>> closed) {
    for (const auto& session : closed) {
        {
            const MutexLock lock(session->mutex);
            session->operations = {};
        }
        logout_if_unused(*session);
    }
}

bool SessionTable::logout_if_unused(Session& session) {
    return session.token.logout_if([&] {
        const MutexLock lock(mutex_);
        return std::none_of(sessions_.begin(), sessions_.end(),
                            [&](const auto& entry) { return &entry.second->token == &session.token; });
    });
}

void SessionTable::close(CK_SESSION_HANDLE handle) {
    get(handle);  // removal had already closed it
    std::vector<std::shared_ptr<Session>> closed;
    {
        const MutexLock lock(mutex_);
        const auto found = sessions_.find(handle);
        require(found != sessions_.end(), CKR_SESSION_HANDLE_INVALID);
        closed.push_back(std::move(found->second));
        sessions_.erase(found);
    }
    finish(std::move(closed));
}

void SessionTable::close_all(CK_SLOT_ID slot) {
    finish(take_out([slot](const Session& session) { return session.slot == slot; }));
}

void SessionTable::close_everything() {
    std::map<CK_SESSION_HANDLE, std::shared_ptr<Session>> closed;
    {
        const MutexLock lock(mutex_);
        closed.swap(sessions_);
    }
    // Logins end with the insertions.
    for (const auto& [handle, session] : closed) {
        const MutexLock lock(session->mutex);
        session->operations.sign.reset();
    }
}

void SessionTable::end_old_consents() {
    // Checked at every call, and rarely needed.
    if (!services_.consent_given.exchange(false, std::memory_order_acq_rel)) return;
    for (const auto& insertion : slots_.insertions()) {
        try {
            insertion->card().end_hold_older_than(Token::consent_age_max);
        } catch (const std::exception& fault) {
            services_.log.error(fault.what());
        }
        if (insertion->card().held()) services_.consent_given = true;
    }
}

SessionTable::Counts SessionTable::count(CK_SLOT_ID slot) {
    const MutexLock lock(mutex_);
    Counts counts;
    for (const auto& [handle, session] : sessions_) {
        if (session->slot != slot || session->insertion->gone()) continue;
        ++counts.all;
        if (session->read_write()) ++counts.read_write;
    }
    return counts;
}

}  // namespace jpki
