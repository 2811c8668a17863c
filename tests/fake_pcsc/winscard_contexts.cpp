// SCard*: contexts and readers.
#include "client.hpp"

#include <cstdlib>
#include <cstring>

using namespace jpki::fake::detail;
using jpki::fake::Function;

extern "C" {

LONG SCardEstablishContext(DWORD scope, LPCVOID, LPCVOID, LPSCARDCONTEXT context) {
    if (const auto rc = enter(Function::establish_context)) return *rc;
    Service& service = Service::instance();
    std::shared_ptr<Session> session;
    {
        const Lock lock(service.mutex);
        if (!service.running) return SCARD_E_NO_SERVICE;
        if (!context) return SCARD_E_INVALID_PARAMETER;
        *context = 0;
        if (scope > SCARD_SCOPE_GLOBAL) return SCARD_E_INVALID_VALUE;
        session = service.establish();
    }
    *context = Client::instance().add(std::move(session))->id;
    return SCARD_S_SUCCESS;
}

LONG SCardReleaseContext(SCARDCONTEXT context) {
    const auto failure = enter(Function::release_context);
    Held held = Client::instance().hold(context);
    if (!held) return failure.value_or(SCARD_E_INVALID_HANDLE);
    LONG rc = SCARD_S_SUCCESS;
    {
        Service& service = Service::instance();
        const Lock lock(service.mutex);
        rc = service.release(held.session());
    }
    // Our side of it is removed in any case, and with it the socket; pcscd then ends what was opened by it.
    held.context->released = true;
    Client::instance().remove(held.context);
    return failure.value_or(rc);
}

LONG SCardIsValidContext(SCARDCONTEXT context) {
    if (const auto rc = enter(Function::is_valid_context)) return *rc;
    // Checks only our side: valid also after a stop of the service.
    return Client::instance().find(context) ? SCARD_S_SUCCESS : SCARD_E_INVALID_HANDLE;
}

LONG SCardListReaders(SCARDCONTEXT context, LPCSTR, LPSTR names, LPDWORD size) {
    if (const auto rc = enter(Function::list_readers)) return *rc;
    if (!size) return SCARD_E_INVALID_PARAMETER;
    const Held held = Client::instance().hold(context);
    if (!held) return SCARD_E_INVALID_HANDLE;
    std::string list;
    {
        Service& service = Service::instance();
        const Lock lock(service.mutex);
        if (!held.session().alive) {
            *size = 0;
            return SCARD_E_NO_SERVICE;
        }
        for (const auto& reader : service.readers)
            if (reader) list.append(reader->name).push_back('\0');
    }
    list.push_back('\0');
    const DWORD room = *size;
    *size = list.size();
    if (list.size() == 1) return SCARD_E_NO_READERS_AVAILABLE;
    if (room == SCARD_AUTOALLOCATE) {
        if (!names) return SCARD_E_INVALID_PARAMETER;
        char* buffer = static_cast<char*>(std::malloc(list.size()));
        if (!buffer) return SCARD_E_NO_MEMORY;
        std::memcpy(buffer, list.data(), list.size());
        std::memcpy(names, &buffer, sizeof buffer);
        return SCARD_S_SUCCESS;
    }
    if (!names) return SCARD_S_SUCCESS;
    if (room < list.size()) return SCARD_E_INSUFFICIENT_BUFFER;
    std::memcpy(names, list.data(), list.size());
    return SCARD_S_SUCCESS;
}

LONG SCardListReaderGroups(SCARDCONTEXT context, LPSTR groups, LPDWORD size) {
    if (const auto rc = enter(Function::list_reader_groups)) return *rc;
    static constexpr char group[] = "SCard$DefaultReaders\0";
    if (!size) return SCARD_E_INVALID_PARAMETER;
    const Held held = Client::instance().hold(context);
    if (!held) return SCARD_E_INVALID_HANDLE;
    const DWORD room = *size;
    *size = sizeof group;
    if (room == SCARD_AUTOALLOCATE) {
        if (!groups) return SCARD_E_INVALID_PARAMETER;
        char* buffer = static_cast<char*>(std::malloc(sizeof group));
        if (!buffer) return SCARD_E_NO_MEMORY;
        std::memcpy(buffer, group, sizeof group);
        std::memcpy(groups, &buffer, sizeof buffer);
        return SCARD_S_SUCCESS;
    }
    if (!groups) return SCARD_S_SUCCESS;
    if (room < sizeof group) return SCARD_E_INSUFFICIENT_BUFFER;
    std::memcpy(groups, group, sizeof group);
    return SCARD_S_SUCCESS;
}

LONG SCardFreeMemory(SCARDCONTEXT context, LPCVOID memory) {
    if (const auto rc = enter(Function::free_memory)) return *rc;
    if (!Client::instance().find(context)) return SCARD_E_INVALID_HANDLE;
    std::free(const_cast<void*>(memory));
    return SCARD_S_SUCCESS;
}

}  // extern "C"
