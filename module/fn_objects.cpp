// Object management (PKCS#11 2.40, 5.7) for objects that cannot be changed.
#include "module/boundary.hpp"
#include "module/caller_memory.hpp"

using namespace jpki;

extern "C" {

CK_RV C_GetObjectSize(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object, CK_ULONG* size) {
    return guarded([&] {
        const auto runtime = Runtime::get();
        const auto session = runtime->sessions.get(handle);
        require(size != nullptr, CKR_ARGUMENTS_BAD);
        session->token.object(object);
        *size = CK_UNAVAILABLE_INFORMATION;  // the card has no information about the size of an object
    });
}

CK_RV C_GetAttributeValue(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* attributes, CK_ULONG count) {
    return guarded([&] {
        const auto runtime = Runtime::get();
        const auto session = runtime->sessions.get(handle);
        require(attributes != nullptr && count > 0, CKR_ARGUMENTS_BAD);
        const ObjectKind kind = session->token.object(object);
        // Every attribute is answered, whatever the result of those before; the worst result is the call's.
        CK_RV result = CKR_OK;
        for (CK_ULONG i = 0; i < count; ++i) {
            CK_RV one = CKR_OK;
            if (session->token.is_secret(kind, attributes[i].type)) {
                attributes[i].ulValueLen = CK_UNAVAILABLE_INFORMATION;
                one = CKR_ATTRIBUTE_SENSITIVE;
            } else {
                one = give_attribute(attributes[i], session->token.attribute(kind, attributes[i].type));
            }
            if (one != CKR_OK && result != CKR_ATTRIBUTE_SENSITIVE) result = one;
        }
        require(result == CKR_OK, result);
    });
}

CK_RV C_FindObjectsInit(CK_SESSION_HANDLE handle, CK_ATTRIBUTE* attributes, CK_ULONG count) {
    return in_session(handle, [&](Runtime&, Session&, Operations& operations) {
        require(!operations.search, CKR_OPERATION_ACTIVE);
        operations.search = Search{take_template(attributes, count)};
    });
}

CK_RV C_FindObjects(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE* objects, CK_ULONG most, CK_ULONG* count) {
    return guarded([&] {
        const auto runtime = Runtime::get();
        const auto session = runtime->sessions.get(handle);
        require(objects != nullptr && count != nullptr && most > 0, CKR_ARGUMENTS_BAD);
        const MutexLock lock(session->mutex);
        auto& search = session->operations.search;
        require(search.has_value(), CKR_OPERATION_NOT_INITIALIZED);
        std::vector<CK_OBJECT_HANDLE> found;
        // On a copy: after a fault the caller can fetch the same objects again.
        std::size_t next = search->next;
        std::optional<UnusableFile> unusable;
        while (found.size() < most && next < all_object_kinds.size()) {
            try {
                const CK_OBJECT_HANDLE object = session->token.match(all_object_kinds[next], search->wanted);
                if (object != CK_INVALID_HANDLE) found.push_back(object);
            } catch (const UnusableFile& fault) {
                unusable = fault;
            }
            ++next;
        }
        search->found_any |= !found.empty();
        if (unusable) {
            // Hides no other object; it is the search's result if no object is found.
            if (!search->found_any) throw *unusable;
            runtime->services.log.error(unusable->what());
        }
        search->next = next;
        std::copy(found.begin(), found.end(), objects);
        *count = static_cast<CK_ULONG>(found.size());
    });
}

CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE handle) {
    return in_session(handle, [&](Runtime&, Session&, Operations& operations) {
        require(operations.search.has_value(), CKR_OPERATION_NOT_INITIALIZED);
        operations.search.reset();
    });
}

}  // extern "C"
