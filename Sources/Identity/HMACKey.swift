import COpenSSL
import RawJSON
import Support

/// A shared secret, prepared for one digest: the two hash blocks of the secret are computed once, and each MAC starts
/// with a copy of them.
///
/// `@unchecked Sendable`: only `init` writes the context. Afterwards it is only the source of `EVP_MAC_CTX_dup`, which
/// reads it and counts references atomically, so many threads may use one key at the same time.
final class HMACKey: @unchecked Sendable {
    private let context: OpaquePointer
    private let length: Int

    /// - Parameter algorithm: one of HS256, HS384 and HS512.
    /// - Throws: ``TokenConfigurationError`` if the secret is shorter than the digest or is published key material.
    init(secret: [UInt8], algorithm: TokenAlgorithm) throws(TokenConfigurationError) {
        guard algorithm.isSymmetric, let digest = algorithm.digest else {
            throw TokenConfigurationError(
                .algorithms, "\(algorithm.rawValue) does not work with a shared secret",
                remedy: "use HS256, HS384 or HS512")
        }
        guard secret.count >= algorithm.digestLength else {
            throw TokenConfigurationError(
                .secret,
                "the secret has \(secret.count) bytes and can be guessed: \(algorithm.rawValue) needs \(algorithm.digestLength) or more (RFC 7518, section 3.2)",
                remedy:
                    "make a random one, as with 'openssl rand -hex \(algorithm.digestLength)', for the daemon and for whoever signs its tokens"
            )
        }
        if let kind = PublishedKey.kind(of: secret) {
            throw TokenConfigurationError(
                .secret, "the secret is \(kind): whoever has it could sign tokens",
                remedy:
                    "give it as publicKey or jwks and name its algorithm, such as RS256; or make a secret with 'openssl rand -hex \(algorithm.digestLength)'"
            )
        }
        let unavailable = TokenConfigurationError(
            .algorithms, "OpenSSL cannot do HMAC with \(digest): \(OpenSSLErrors.drain())",
            remedy: "use another algorithm, or mend OpenSSL's configuration")
        guard let mac = EVP_MAC_fetch(nil, "HMAC", nil) else { throw unavailable }
        defer { EVP_MAC_free(mac) }
        guard let context = EVP_MAC_CTX_new(mac) else { throw unavailable }
        var name = Array(digest.utf8CString)
        let isReady = name.withUnsafeMutableBufferPointer { name in
            let parameters = [
                OSSL_PARAM_construct_utf8_string(OpenSSLName("digest").pointer, name.baseAddress, 0),
                OSSL_PARAM_construct_end(),
            ]
            return EVP_MAC_init(context, secret, secret.count, parameters) == 1
        }
        guard isReady else {
            EVP_MAC_CTX_free(context)
            throw unavailable
        }
        self.context = context
        self.length = algorithm.digestLength
    }

    deinit {
        // OpenSSL erases the key when it frees the context.
        EVP_MAC_CTX_free(context)
    }

    /// Whether `signature` is the MAC of `message`. Takes the same time for all signatures of the right length.
    func isSignature(_ signature: [UInt8], of message: UnsafeRawBufferPointer) -> Bool {
        guard signature.count == length, let expected = authenticate(message) else { return false }
        return CRYPTO_memcmp(expected, signature, length) == 0
    }

    /// The MAC of `message`; `nil` only if OpenSSL cannot allocate memory.
    func authenticate(_ message: UnsafeRawBufferPointer) -> [UInt8]? {
        guard let copy = EVP_MAC_CTX_dup(context) else { return nil }
        defer { EVP_MAC_CTX_free(copy) }
        guard EVP_MAC_update(copy, message.baseAddress?.assumingMemoryBound(to: UInt8.self), message.count) == 1 else {
            return nil
        }
        var written = 0
        let mac = [UInt8](unsafeUninitializedCapacity: length) { output, initialized in
            if EVP_MAC_final(copy, output.baseAddress, &written, output.count) == 1 { initialized = written }
        }
        return mac.count == length ? mac : nil
    }
}

/// Recognises public keys and other key files, which are often distributed. If one were the shared secret, everyone who
/// has the file could sign tokens.
enum PublishedKey {
    /// What `bytes` are, as words that follow "is": "a public key in PEM"; `nil` if they are none of these.
    static func kind(of bytes: [UInt8]) -> String? {
        let text = String(decoding: bytes, as: UTF8.self)
        if text.utf8.starts(with: "ssh-".utf8) || text.utf8.starts(with: "ecdsa-sha2-".utf8) {
            return "an SSH public key"
        }
        if contains(bytes, "-----BEGIN ") {
            if contains(bytes, " PRIVATE KEY-----") || contains(bytes, "-----BEGIN PRIVATE KEY-----") {
                return "a private key in PEM"
            }
            return contains(bytes, "CERTIFICATE-----") ? "a certificate in PEM" : "a public key in PEM"
        }
        if let json = try? JSONValue(parsing: bytes), json["kty"] != nil || json["keys"] != nil {
            return "a JSON Web Key"
        }
        if let kind = kind(ofDER: bytes) { return "\(kind) in DER" }
        // The body of a PEM file without its first and last line, as some identity providers display their key.
        let alphabet = bytes.filter { !" \t\r\n=".utf8.contains($0) }.map { byte in
            byte == UInt8(ascii: "+") ? UInt8(ascii: "-") : byte == UInt8(ascii: "/") ? UInt8(ascii: "_") : byte
        }
        if let decoded = alphabet.withUnsafeBytes({ Base64.decodeURL($0) }), let kind = kind(ofDER: decoded) {
            return "\(kind) in Base64"
        }
        return nil
    }

    private static func kind(ofDER bytes: [UInt8]) -> String? {
        // All of these formats begin with a DER sequence; random bytes rarely do.
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
