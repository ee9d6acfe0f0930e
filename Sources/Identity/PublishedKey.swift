import COpenSSL
import RawJSON
import Support

/// Recognizes key material of public-key cryptography, which is written into files and handed out. As a shared secret it lets everybody who has
/// it sign tokens.
enum PublishedKey {
    /// What `bytes` are, to follow "is": "a PEM file"; `nil` if they are nothing of the kind.
    static func kind(of bytes: [UInt8]) -> String? {
        let text = String(decoding: bytes, as: UTF8.self)
        if text.utf8.starts(with: "ssh-".utf8) || text.utf8.starts(with: "ecdsa-sha2-".utf8) { return "an SSH public key" }
        if contains(bytes, "-----BEGIN ") {
            if contains(bytes, " PRIVATE KEY-----") || contains(bytes, "-----BEGIN PRIVATE KEY-----") { return "a private key in PEM" }
            return contains(bytes, "CERTIFICATE-----") ? "a certificate in PEM" : "a public key in PEM"
        }
        if let json = try? JSONValue(parsing: bytes), json["kty"] != nil || json["keys"] != nil { return "a JSON Web Key" }
        if let kind = kind(ofDER: bytes) { return "\(kind) in DER" }
        // The lines of a PEM file without its first and its last, as some identity providers show their key.
        let alphabet = bytes.filter { !" \t\r\n=".utf8.contains($0) }.map { byte in
            byte == UInt8(ascii: "+") ? UInt8(ascii: "-") : byte == UInt8(ascii: "/") ? UInt8(ascii: "_") : byte
        }
        if let decoded = alphabet.withUnsafeBytes({ Base64.decodeURL($0) }), let kind = kind(ofDER: decoded) { return "\(kind) in Base64" }
        return nil
    }

    private static func kind(ofDER bytes: [UInt8]) -> String? {
        // A sequence, as all of these are: what is random is seldom tried.
        guard bytes.first == 0x30 else { return nil }
        defer { OpenSSLErrors.clear() }
        return bytes.withUnsafeBufferPointer { bytes in
            var cursor = bytes.baseAddress
            if let key = d2i_PUBKEY(nil, &cursor, bytes.count) {
                EVP_PKEY_free(key)
                return "a public key"
            }
            cursor = bytes.baseAddress
            if let certificate = d2i_X509(nil, &cursor, bytes.count) {
                X509_free(certificate)
                return "a certificate"
            }
            return nil
        }
    }

    private static func contains(_ bytes: [UInt8], _ mark: String) -> Bool {
        bytes.firstRange(of: Array(mark.utf8)) != nil
    }
}
