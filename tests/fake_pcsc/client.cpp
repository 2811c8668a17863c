#include "client.hpp"

namespace jpki::fake::detail {

Client& Client::instance() {
    static Client& client = *new Client;
    return client;
}

Held Client::lock_context(std::shared_ptr<ClientContext> context, std::string reader) {
    Lock lock(context->mutex);
    if (context->released) return {};
    return {std::move(context), std::move(lock), std::move(reader)};
}

Held Client::hold(SCARDCONTEXT id) {
    const Lock threads(threads_);
    std::shared_ptr<ClientContext> context;
    {
        const Lock list(list_);
        if (const auto found = contexts_.find(id); found != contexts_.end()) context = found->second;
    }
    return context ? lock_context(std::move(context), {}) : Held{};
}

Held Client::hold_by_handle(SCARDHANDLE handle) {
    const Lock threads(threads_);
    std::shared_ptr<ClientContext> context;
    std::string reader;
    {
        const Lock list(list_);
        for (const auto& [id, candidate] : contexts_)
            if (const auto found = candidate->handles.find(handle); found != candidate->handles.end()) {
                context = candidate;
                reader = found->second;
            }
    }
    return context ? lock_context(std::move(context), std::move(reader)) : Held{};
}

std::shared_ptr<ClientContext> Client::find(SCARDCONTEXT id) {
    const Lock threads(threads_);
    const Lock list(list_);
    const auto found = contexts_.find(id);
    return found == contexts_.end() ? nullptr : found->second;
}

std::shared_ptr<ClientContext> Client::add(std::shared_ptr<Session> session) {
    const Lock threads(threads_);
    const Lock list(list_);
    auto context = std::make_shared<ClientContext>();
    context->id = next_context_;
    context->session = std::move(session);
    next_context_ += 0x11;
    contexts_[context->id] = context;
    return context;
}

void Client::remove(const std::shared_ptr<ClientContext>& context) {
    const Lock list(list_);
    contexts_.erase(context->id);
}

void Client::add_handle(ClientContext& context, SCARDHANDLE handle, const std::string& reader) {
    const Lock list(list_);
    context.handles[handle] = reader;
}

void Client::remove_handle(ClientContext& context, SCARDHANDLE handle) {
    const Lock list(list_);
    context.handles.erase(handle);
}

void Client::forget_everything() {
    const Lock list(list_);
    contexts_.clear();
}

std::pair<std::size_t, std::size_t> Client::open() {
    const Lock list(list_);
    std::size_t handles = 0;
    for (const auto& [id, context] : contexts_) handles += context->handles.size();
    return {contexts_.size(), handles};
}

std::optional<LONG> enter(Function function) {
    Service& service = Service::instance();
    Lock lock(service.mutex);
    if (const auto hook = service.call_hook) {
        lock.unlock();
        hook(function);
        lock.lock();
    }
    ++service.call_counts[index(function)];
    auto& failures = service.failures[index(function)];
    if (failures.empty()) return std::nullopt;
    Failure& failure = failures.front();
    if (failure.pass > 0) {
        --failure.pass;
        return std::nullopt;
    }
    const LONG code = failure.code;
    if (--failure.times == 0) failures.pop_front();
    return code;
}

}  // namespace jpki::fake::detail
