// The files of the JPKI application: which exist, their contents, and when they can be read.
#include "card_state.hpp"

#include "test_pki.hpp"

#include <algorithm>

namespace jpki::model {

namespace {

struct KnownFile {
    std::uint16_t id;
    bool key, pin, belongs_to_key;  // a CA certificate exists even if the holder's does not
    KeyUse use;
};

constexpr std::array<KnownFile, 10> known_files = {{
    {ef::signature_certificate, false, false, true, KeyUse::signature},
    {ef::signature_ca, false, false, false, KeyUse::signature},
    {ef::token_information, false, false, false, KeyUse::authentication},
    {ef::existence, false, false, false, KeyUse::authentication},
    {ef::authentication_certificate, false, false, true, KeyUse::authentication},
    {ef::authentication_ca, false, false, false, KeyUse::authentication},
    {ef::authentication_key, true, false, true, KeyUse::authentication},
    {ef::authentication_pin, false, true, true, KeyUse::authentication},
    {ef::signature_key, true, false, true, KeyUse::signature},
    {ef::signature_password, false, true, true, KeyUse::signature},
}};

}  // namespace

bool CardModel::State::has(KeyUse use) const { return use == KeyUse::signature ? knobs.has_signature : knobs.has_authentication; }

std::optional<CardModel::State::File> CardModel::State::find_file(std::uint16_t id) const {
    const auto known = std::ranges::find(known_files, id, &KnownFile::id);
    if (known == known_files.end()) return std::nullopt;
    if (id == ef::token_information && !knobs.has_token_information) return std::nullopt;
    if (id == ef::existence && !knobs.has_existence_file) return std::nullopt;
    if (known->belongs_to_key && !has(known->use)) {
        if (knobs.missing_file == Knobs::Missing::not_found) return std::nullopt;
        if (knobs.missing_file == Knobs::Missing::empty && known->key) return std::nullopt;
    }
    const FileType type = known->key ? FileType::key : known->pin ? FileType::pin : FileType::data;
    return File{id, type, known->use};
}

std::uint16_t CardModel::State::resolve(std::uint8_t p2, FileType type, File& found) const {
    if ((p2 & 0xE0) != 0x80) return sw::bad_p1p2;
    const auto sfi = static_cast<std::uint16_t>(p2 & 0x1F);
    if (sfi != 0 && !knobs.short_forms) return sw::bad_p1p2;
    if (application != Application::jpki || (sfi == 0 && !current_file)) return sw::no_current_file;
    const auto file =
        find_file(sfi == 0 ? *current_file : sfi);  // the SFI is the low five bits; all file identifiers are below 20 hex
    if (!file) return sw::not_found;
    if (file->type != type) return sw::wrong_file_type;
    found = *file;
    return sw::ok;
}

Bytes CardModel::State::content(const File& file) const {
    const auto padded = [this](const Bytes& der) {
        Bytes bytes = der;
        if (bytes.size() < knobs.certificate_file_size) bytes.resize(knobs.certificate_file_size, knobs.certificate_filler);
        return bytes;
    };
    const auto certificate = [&](const Bytes& der) {
        if (has(file.use)) return padded(der);
        return knobs.missing_file == Knobs::Missing::filler ? padded({}) : Bytes{};
    };
    switch (file.id) {
    case ef::signature_certificate: return certificate(pki->signature_certificate);
    case ef::authentication_certificate: return certificate(pki->authentication_certificate);
    case ef::signature_ca: return padded(pki->signature_ca);
    case ef::authentication_ca: return padded(pki->authentication_ca);
    case ef::token_information: return token_information(knobs);
    case ef::existence: {
        const auto mark = [](bool there) { return static_cast<std::uint8_t>(there ? 0x8F : 0x00); };
        return {mark(knobs.has_signature), mark(knobs.has_authentication), 0x00};
    }
    default: return {};
    }
}

bool CardModel::State::readable(const File& file) const {
    if (file.id == ef::signature_certificate) return verified[index(KeyUse::signature)];
    if (file.id == ef::authentication_certificate && (knobs.phone || knobs.iphone))
        return verified[index(KeyUse::authentication)];
    return true;
}

// apdu/README.md, Commands, row "read".
Reply CardModel::State::read(const CommandApdu& command) {
    if (!command.le || !command.data.empty()) return {sw::wrong_length};
    if (application != Application::jpki) return {sw::no_current_file};
    std::optional<File> file;
    std::size_t offset = static_cast<std::size_t>(command.p1 << 8 | command.p2);
    bool by_sfi = false;
    if ((command.p1 & 0x80) != 0) {
        if (!knobs.short_forms || (command.p1 & 0x60) != 0) return {sw::bad_p1p2};
        offset = command.p2;
        const auto sfi = static_cast<std::uint16_t>(command.p1 & 0x1F);
        by_sfi = sfi != 0;  // 0 is the current file (ISO 7816-4, 7.2.2)
        if (by_sfi) {
            file = find_file(sfi);
            if (!file) return {sw::not_found};
        }
    }
    if (!by_sfi) {
        if (!current_file) return {sw::no_current_file};
        file = find_file(*current_file);
        if (!file) return {sw::no_current_file};  // a knob removed it meanwhile
    }
    if (file->type != FileType::data) return {sw::wrong_file_type};
    if (!readable(*file)) return {sw::not_verified};
    if (by_sfi && knobs.sfi_read_sets_current_file) current_file = file->id;
    const Bytes bytes = content(*file);
    if (offset >= bytes.size()) return {sw::bad_offset};
    const std::size_t count = std::min(*command.le, bytes.size() - offset);
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(offset);
    return {sw::ok, Bytes(begin, begin + static_cast<std::ptrdiff_t>(count))};
}

}  // namespace jpki::model
