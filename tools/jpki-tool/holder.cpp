#include "holder.hpp"

#include "i18n.hpp"
#include "text.hpp"

#include <openssl/x509v3.h>

#include <algorithm>
#include <map>

namespace jpki::tool {

namespace {

constexpr std::string_view arc = "1.2.392.200149.8.5.5.";

std::string oid_text(const ASN1_OBJECT* object) {
    char text[128];
    const int size = OBJ_obj2txt(text, sizeof text, object, 1);
    return size > 0 && size < static_cast<int>(sizeof text) ? std::string(text) : "?";
}

std::string string_of(const ASN1_STRING* string) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)), static_cast<std::size_t>(ASN1_STRING_length(string))};
}

// A value that is not a UTF8String: its DER, in hexadecimal.
std::string der_of(const ASN1_TYPE* value) {
    unsigned char* bytes = nullptr;
    const int size = i2d_ASN1_TYPE(value, &bytes);
    const std::string text = size > 0 ? hex({bytes, static_cast<std::size_t>(size)}) : "";
    OPENSSL_free(bytes);
    return text;
}

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

// One digit per character, 1 for a substitute. No value for flags that do not match the text.
std::optional<std::vector<std::size_t>> replaced_characters(std::string_view flags, std::string_view text) {
    if (flags.size() != characters(text) || flags.find_first_not_of("01") != std::string_view::npos) return std::nullopt;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < flags.size(); ++i)
        if (flags[i] == '1') places.push_back(i + 1);
    return places;
}

HolderField other(const std::string& oid, const std::string& text) { return {HolderField::Kind::other, oid, text, {}}; }

bool has_known_shape(HolderField::Kind kind, const std::string& text) {
    if (kind == HolderField::Kind::sex) return text == "1" || text == "2" || text == "3" || text == "9";
    if (kind == HolderField::Kind::birth) return parse_birth(text).has_value();
    return true;
}

std::string character_at(std::string_view text, std::size_t place) {
    std::size_t begin = 0, seen = 0;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        if (i < text.size() && (text[i] & 0xC0) == 0x80) continue;
        if (seen == place) return std::string(text.substr(begin, i - begin));
        begin = i;
        ++seen;
    }
    return {};
}

}  // namespace

std::vector<HolderField> holder_fields(const CertificateView& certificate) {
    using Kind = HolderField::Kind;
    const std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>> names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate.x509(), NID_subject_alt_name, nullptr, nullptr)));
    std::map<int, std::string> known;  // by the last number of the OID; duplicates are shown under their OID
    std::vector<HolderField> result, rest;
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type != GEN_OTHERNAME) continue;
        const std::string oid = oid_text(name->d.otherName->type_id);
        const ASN1_TYPE* value = name->d.otherName->value;
        const bool text = value->type == V_ASN1_UTF8STRING;
        const int number = oid.starts_with(arc) && oid.size() == arc.size() + 1 ? oid.back() - '0' : 0;
        if (text && number >= 1 && number <= 6 && !known.contains(number)) {
            known[number] = string_of(value->value.utf8string);
        } else {
            rest.push_back(other(oid, text ? string_of(value->value.utf8string) : der_of(value)));
        }
    }
    const auto oid = [](int number) { return std::string(arc) + std::to_string(number); };
    const auto take = [&](int number, Kind kind, int flags) {
        const auto found = known.find(number);
        if (found == known.end()) return;
        HolderField field{has_known_shape(kind, found->second) ? kind : Kind::other, oid(number), found->second, {}};
        if (flags != 0 && known.contains(flags)) {
            if (const auto places = replaced_characters(known[flags], found->second)) {
                field.replaced = *places;
                known.erase(flags);
            }
        }
        result.push_back(std::move(field));
        known.erase(number);
    };
    take(1, Kind::name, 2);
    take(5, Kind::address, 6);
    take(4, Kind::birth, 0);
    take(3, Kind::sex, 0);
    for (const auto& [number, text] : known) result.push_back(other(oid(number), text));
    result.insert(result.end(), rest.begin(), rest.end());
    return result;
}

std::string shown_name(HolderField::Kind kind) {
    switch (kind) {
    case HolderField::Kind::name: return _("Name");
    case HolderField::Kind::sex: return _("Sex");
    case HolderField::Kind::birth: return _("Date of birth");
    case HolderField::Kind::address: return _("Address");
    default: return _("Other");
    }
}

std::string shown_value(const HolderField& field) {
    if (field.kind == HolderField::Kind::birth) return shown(*parse_birth(field.text));
    if (field.kind == HolderField::Kind::sex) {
        if (field.text == "1") return _("male");
        if (field.text == "2") return _("female");
        return field.text == "3" ? _("other") : _("not stated");
    }
    std::string text = printable(field.text);
    if (field.replaced.empty()) return text;
    std::string list;
    for (const std::size_t place : field.replaced)
        list += (list.empty() ? "" : ", ") +
                fill(_("character {0}: {1}"), {std::to_string(place), printable(character_at(field.text, place))});
    return text + " " + fill(_("(substitute characters: {0})"), {list});
}

Json to_json(const HolderField& field) {
    static constexpr const char* names[] = {"name", "sex", "birth", "address", "other"};
    Json json{{"field", names[static_cast<int>(field.kind)]}, {"oid", field.oid}, {"text", field.text}};
    if (!field.replaced.empty()) json["replaced_characters"] = field.replaced;
    if (field.kind == HolderField::Kind::birth) {
        const Birth birth = *parse_birth(field.text);
        json["birth"] = {{"era", field.text[0] - '0'},
                         {"era_year", birth.era_year},
                         {"year", birth.year},
                         {"month", birth.month},
                         {"day", birth.day}};
    }
    return json;
}

}  // namespace jpki::tool
