import COpenSSL

/// A public key that verifies signatures.
///
/// `@unchecked` because of the pointer. An `EVP_PKEY` is not changed after `init`, and OpenSSL 3 lets any number of threads verify with one.
final class PublicKey: @unchecked Sendable {
    private let key: OpaquePointer

    /// The key's name in its key set; `nil` if it has none.
    let id: String?

    /// The one algorithm its key set allows it for; `nil`: all that fit.
    private let onlyAlgorithm: String?

    /// Takes ownership of `key`.
    init(owning key: OpaquePointer, id: String? = nil, onlyAlgorithm: String? = nil) {
        self.key = key
        self.id = id
        self.onlyAlgorithm = onlyAlgorithm
    }

    /// Reads a public key or a certificate.
    convenience init(pem: [UInt8]) throws(TokenConfigurationError) {
        func read(_ body: (OpaquePointer) -> OpaquePointer?) -> OpaquePointer? {
            guard let bio = BIO_new_mem_buf(pem, Int32(clamping: pem.count)) else { return nil }
            defer { BIO_free(bio) }
            return body(bio)
        }
        let key =
            read { PEM_read_bio_PUBKEY($0, nil, nil, nil) }
            ?? read { bio in
                guard let certificate = PEM_read_bio_X509(bio, nil, nil, nil) else { return nil }
                defer { X509_free(certificate) }
                return X509_get_pubkey(certificate)
            }
        OpenSSLErrors.clear()
        guard let key else {
            if String(decoding: pem, as: UTF8.self).contains("PRIVATE KEY-----") {
                throw TokenConfigurationError(
                    "the public key file holds a private key: give what 'openssl pkey -pubout' makes of it, and keep the private one away")
            }
            throw TokenConfigurationError("the public key file holds neither '-----BEGIN PUBLIC KEY-----' nor '-----BEGIN CERTIFICATE-----'")
        }
        self.init(owning: key)
    }

    deinit {
        EVP_PKEY_free(key)
    }

    /// What this key is, in words, for messages.
    var summary: String {
        switch EVP_PKEY_get_base_id(key) {
        case EVP_PKEY_RSA: "an RSA key of \(EVP_PKEY_get_bits(key)) bits"
        case EVP_PKEY_RSA_PSS: "an RSA-PSS key of \(EVP_PKEY_get_bits(key)) bits"
        case EVP_PKEY_EC: "an elliptic curve key on \(curve ?? "an unknown curve")"
        case EVP_PKEY_ED25519: "an Ed25519 key"
        default: "a key of a type that signs no token"
        }
    }

    /// Whether tokens of `algorithm` can be verified with this key. RSA keys need 2048 bits (RFC 7518 section 3.3).
    func fits(_ algorithm: TokenAlgorithm) -> Bool {
        if let onlyAlgorithm, onlyAlgorithm != algorithm.rawValue { return false }
        let type = EVP_PKEY_get_base_id(key)
        switch algorithm.family {
        case .hmac: return false
        case .rsa: return type == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) >= 2048
        case .rsaPSS: return (type == EVP_PKEY_RSA || type == EVP_PKEY_RSA_PSS) && EVP_PKEY_get_bits(key) >= 2048
        case .ecdsa(let curve, _): return type == EVP_PKEY_EC && self.curve == curve
        case .ed25519: return type == EVP_PKEY_ED25519
        }
    }

    /// Whether `signature` is that of `message` by this key's private half.
    func isSignature(_ signature: [UInt8], of message: UnsafeRawBufferPointer, algorithm: TokenAlgorithm) -> Bool {
        guard fits(algorithm) else { return false }
        defer { OpenSSLErrors.clear() }
        var signature = signature
        if case .ecdsa(_, let coordinateLength) = algorithm.family {
            guard let encoded = Self.encode(ecdsa: signature, coordinateLength: coordinateLength) else { return false }
            signature = encoded
        }
        guard let context = EVP_MD_CTX_new() else { return false }
        defer { EVP_MD_CTX_free(context) }
        var keyContext: OpaquePointer?
        guard EVP_DigestVerifyInit_ex(context, &keyContext, algorithm.digest, nil, nil, key, nil) == 1 else { return false }
        if algorithm.family == .rsaPSS {
            guard EVP_PKEY_CTX_set_rsa_padding(keyContext, RSA_PKCS1_PSS_PADDING) == 1,
                EVP_PKEY_CTX_set_rsa_pss_saltlen(keyContext, RSA_PSS_SALTLEN_DIGEST) == 1
            else { return false }
        }
        return EVP_DigestVerify(
            context, signature, signature.count, message.baseAddress?.assumingMemoryBound(to: UInt8.self), message.count) == 1
    }

    private var curve: String? {
        var name = [CChar](repeating: 0, count: 64)
        var length = 0
        guard EVP_PKEY_get_group_name(key, &name, name.count, &length) == 1 else { return nil }
        return String(decoding: name.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// A token carries an ECDSA signature as its two numbers side by side; OpenSSL wants them in DER.
    private static func encode(ecdsa signature: [UInt8], coordinateLength: Int) -> [UInt8]? {
        guard signature.count == 2 * coordinateLength, let pair = ECDSA_SIG_new() else { return nil }
        defer { ECDSA_SIG_free(pair) }
        let halves = signature.withUnsafeBufferPointer { bytes in
            (BN_bin2bn(bytes.baseAddress, Int32(coordinateLength), nil),
             BN_bin2bn(bytes.baseAddress.map { $0 + coordinateLength }, Int32(coordinateLength), nil))
        }
        // From here on the pair owns its halves.
        guard ECDSA_SIG_set0(pair, halves.0, halves.1) == 1 else {
            BN_free(halves.0)
            BN_free(halves.1)
            return nil
        }
        let length = i2d_ECDSA_SIG(pair, nil)
        guard length > 0 else { return nil }
        return [UInt8](unsafeUninitializedCapacity: Int(length)) { output, initialized in
            var cursor = output.baseAddress
            initialized = Int(i2d_ECDSA_SIG(pair, &cursor))
        }
    }
}
