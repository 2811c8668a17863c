#include "module/attributes.hpp"

#include "module/caller_memory.hpp"

#include <string>

namespace jpki {

namespace {

// The largest attribute value here is a certificate of a few KB. A longer template cannot match
// any object, and is not copied.
constexpr CK_ULONG value_size_max = 64 * 1024;
constexpr CK_ULONG template_count_max = 1024;

}  // namespace

Template take_template(const CK_ATTRIBUTE* attributes, CK_ULONG count) {
    require(attributes != nullptr || count == 0, CKR_ARGUMENTS_BAD);
    require(count <= template_count_max, CKR_ARGUMENTS_BAD);
    Template wanted;
    wanted.reserve(count);
    for (CK_ULONG i = 0; i < count; ++i) {
        const CK_ATTRIBUTE& attribute = attributes[i];
        require(attribute.ulValueLen <= value_size_max, CKR_ATTRIBUTE_VALUE_INVALID);
        const ByteView value = caller_bytes(attribute.pValue, attribute.ulValueLen);
        wanted.push_back({attribute.type, Bytes(value.begin(), value.end())});
    }
    return wanted;
}

Bytes bool_value(bool value) { return {static_cast<std::uint8_t>(value ? CK_TRUE : CK_FALSE)}; }

Bytes ulong_value(CK_ULONG value) {
    Bytes bytes(sizeof value);
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
}

Bytes text_value(const char* text) {
    const std::string_view view(text);
    return {view.begin(), view.end()};
}

Bytes date_value(const std::string& yyyymmdd) { return {yyyymmdd.begin(), yyyymmdd.end()}; }

CK_RV give_attribute(CK_ATTRIBUTE& out, const std::optional<Bytes>& value) {
    if (!value) {
        out.ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_ATTRIBUTE_TYPE_INVALID;
    }
    if (out.pValue != nullptr) {
        if (out.ulValueLen < value->size()) {
            out.ulValueLen = CK_UNAVAILABLE_INFORMATION;
            return CKR_BUFFER_TOO_SMALL;
        }
        if (!value->empty()) std::memcpy(out.pValue, value->data(), value->size());
    }
    out.ulValueLen = static_cast<CK_ULONG>(value->size());
    return CKR_OK;
}

}  // namespace jpki
