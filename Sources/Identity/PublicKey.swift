import COpenSSL
import Support

/// A public key that verifies signatures.
///
/// `@unchecked Sendable`: the `EVP_PKEY` is not changed after `init`, and OpenSSL 3 lets many threads verify with one
/// key.
final class PublicKey: @unchecked Sendable {
    private let key: OpaquePointer

    /// The key's `kid` in its key set; `nil` if it has none.
    let id: ByteString?

    /// The only algorithm that its key set allows for it; `nil`: all that fit.
    private let onlyAlgorithm: ByteString?

    /// Takes ownership of `key`, also if it throws.
    ///
    /// - Throws: ``Weakness`` if signatures by this key prove nothing.
    init(owning key: OpaquePointer, id: ByteString? = nil, onlyAlgorithm: ByteString? = nil) throws(Weakness) {
        self.key = key
        self.id = id
        self.onlyAlgorithm = onlyAlgorithm
        if let weakness { throw weakness }
    }

    /// Parses a PEM document with a public key or a certificate.
    convenience init(pem: [UInt8]) throws(TokenConfigurationError) {
        func read(_ body: (OpaquePointer) -> OpaquePointer?) -> OpaquePointer? {
            guard let bio = BIO_new_mem_buf(pem, Int32(clamping: pem.count)) else { return nil }
            defer { BIO_free(bio) }
            return body(bio)
        }
        // Refused even beside a public key: the daemon needs no private key, so it must not be able to read one.
        guard pem.firstRange(of: Array("PRIVATE KEY-----".utf8)) == nil else {
            throw TokenConfigurationError(
                .publicKey, "the public key file holds a private key",
                remedy: "give what 'openssl pkey -pubout' makes of it, and keep the private key away from the daemon")
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
            throw TokenConfigurationError(
                .publicKey,
                "the public key file holds neither '-----BEGIN PUBLIC KEY-----' nor '-----BEGIN CERTIFICATE-----'",
                remedy: "give a PEM file with a public key or a certificate")
        }
        do throws(Weakness) {
            try self.init(owning: key)
        } catch {
            throw TokenConfigurationError(
                .publicKey, "the public key is \(error.words)",
                remedy: "have whoever signs the tokens make a new key pair")
        }
    }

    deinit {
        EVP_PKEY_free(key)
    }

    /// A description of the key for messages.
    var summary: String {
        switch EVP_PKEY_get_base_id(key) {
        case EVP_PKEY_RSA: "an RSA key of \(EVP_PKEY_get_bits(key)) bits"
        case EVP_PKEY_RSA_PSS: "an RSA-PSS key of \(EVP_PKEY_get_bits(key)) bits"
        case EVP_PKEY_EC: "an elliptic curve key on \(curve ?? "an unknown curve")"
        case EVP_PKEY_ED25519: "an Ed25519 key"
        default: "a key of a type that signs no token"
        }
    }

    /// Whether tokens of `algorithm` can be verified with this key.
    func fits(_ algorithm: TokenAlgorithm) -> Bool {
        if let onlyAlgorithm, onlyAlgorithm != ByteString(algorithm.rawValue) { return false }
        let type = EVP_PKEY_get_base_id(key)
        switch algorithm.family {
        case .hmac: return false
        case .rsa: return type == EVP_PKEY_RSA
        case .rsaPSS: return type == EVP_PKEY_RSA || type == EVP_PKEY_RSA_PSS
        case .ecdsa(let curve, _): return type == EVP_PKEY_EC && self.curve == curve
        case .ed25519: return type == EVP_PKEY_ED25519
        }
    }

    /// Whether `signature` is a signature of `message` by this key.
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
        guard EVP_DigestVerifyInit_ex(context, &keyContext, algorithm.digest, nil, nil, key, nil) == 1 else {
            return false
        }
        if algorithm.family == .rsaPSS {
            guard EVP_PKEY_CTX_set_rsa_padding(keyContext, RSA_PKCS1_PSS_PADDING) == 1,
                EVP_PKEY_CTX_set_rsa_pss_saltlen(keyContext, RSA_PSS_SALTLEN_DIGEST) == 1
            else { return false }
        }
        return EVP_DigestVerify(
            context, signature, signature.count, message.baseAddress?.assumingMemoryBound(to: UInt8.self), message.count
        ) == 1
    }

    private var curve: String? {
        var name = [CChar](repeating: 0, count: 64)
        var length = 0
        guard EVP_PKEY_get_group_name(key, &name, name.count, &length) == 1 else { return nil }
        return String(decoding: name.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Converts an ECDSA signature from the token's format, two numbers side by side, to OpenSSL's, DER.
    private static func encode(ecdsa signature: [UInt8], coordinateLength: Int) -> [UInt8]? {
        guard signature.count == 2 * coordinateLength, let pair = ECDSA_SIG_new() else { return nil }
        defer { ECDSA_SIG_free(pair) }
        let halves = signature.withUnsafeBufferPointer { bytes in
            (
                BN_bin2bn(bytes.baseAddress, Int32(coordinateLength), nil),
                BN_bin2bn(bytes.baseAddress.map { $0 + coordinateLength }, Int32(coordinateLength), nil)
            )
        }
        // If this succeeds, the pair owns both numbers.
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

extension PublicKey {
    /// Why signatures by a key prove nothing, as words that follow "the key is".
    struct Weakness: Error {
        let words: String
    }

    private var weakness: Weakness? {
        switch EVP_PKEY_get_base_id(key) {
        case EVP_PKEY_RSA, EVP_PKEY_RSA_PSS: rsaWeakness
        case EVP_PKEY_ED25519:
            isOfSmallOrder
                ? Weakness(words: "a point of small order: signatures of it can be made without a private key") : nil
        case EVP_PKEY_EC: isInvalid ? Weakness(words: "not a point of its curve: \(OpenSSLErrors.drain())") : nil
        // Other types fit no algorithm.
        default: nil
        }
    }

    /// RFC 7518, section 3.3, requires at least 2048 bits. OpenSSL verifies with at most 16384, and the time for one
    /// signature is proportional to the square of the length.
    private static let modulusBits: ClosedRange<Int32> = 2048...16384

    private var rsaWeakness: Weakness? {
        let bits = EVP_PKEY_get_bits(key)
        guard bits >= Self.modulusBits.lowerBound else {
            return Weakness(
                words:
                    "an RSA key of \(bits) bits, which can be factored: RFC 7518, section 3.3, asks for \(Self.modulusBits.lowerBound) or more"
            )
        }
        guard bits <= Self.modulusBits.upperBound else {
            return Weakness(
                words: "an RSA key of \(bits) bits, more than the \(Self.modulusBits.upperBound) that are verified")
        }
        var number: OpaquePointer?
        guard EVP_PKEY_get_bn_param(key, OpenSSLName("e").pointer, &number) == 1, let exponent = number else {
            return Weakness(words: "an RSA key without an exponent")
        }
        defer { BN_free(exponent) }
        guard BN_is_odd(exponent) == 1, BN_is_one(exponent) == 0, BN_is_negative(exponent) == 0 else {
            let words = BN_num_bits(exponent) <= 32 ? "the exponent \(BN_get_word(exponent))" : "an even exponent"
            return Weakness(
                words: "an RSA key with \(words), with which signatures can be forged: the usual one is 65537")
        }
        // For instance an even modulus, one with a small factor, or a prime.
        return isInvalid ? Weakness(words: "not a valid RSA key: \(OpenSSLErrors.drain())") : nil
    }

    private var isInvalid: Bool {
        guard let context = EVP_PKEY_CTX_new(key, nil) else { return true }
        defer { EVP_PKEY_CTX_free(context) }
        return EVP_PKEY_public_check(context) != 1
    }

    /// Whether a small multiple of the point is the neutral element. One signature by such a key is valid for one in
    /// eight messages, or for all.
    private var isOfSmallOrder: Bool {
        var bytes = [UInt8](repeating: 0, count: 32)
        var length = bytes.count
        guard EVP_PKEY_get_raw_public_key(key, &bytes, &length) == 1, length == 32 else { return true }
        // Clears the sign of x, which distinguishes the two points with the same y.
        bytes[31] &= 0x7F
        return Self.ordinatesOfSmallOrder.contains(bytes)
    }

    /// The y of the eight points whose order divides 8, in little endian, and the two encodings of such a y that are
    /// not less than the field's prime.
    private static let ordinatesOfSmallOrder: [[UInt8]] = {
        let middle = [UInt8](repeating: 0xFF, count: 30)
        return [
            [UInt8](repeating: 0, count: 32),
            [1] + [UInt8](repeating: 0, count: 31),
            [
                0x26, 0xE8, 0x95, 0x8F, 0xC2, 0xB2, 0x27, 0xB0, 0x45, 0xC3, 0xF4, 0x89, 0xF2, 0xEF, 0x98, 0xF0,
                0xD5, 0xDF, 0xAC, 0x05, 0xD3, 0xC6, 0x33, 0x39, 0xB1, 0x38, 0x02, 0x88, 0x6D, 0x53, 0xFC, 0x05,
            ],
            [
                0xC7, 0x17, 0x6A, 0x70, 0x3D, 0x4D, 0xD8, 0x4F, 0xBA, 0x3C, 0x0B, 0x76, 0x0D, 0x10, 0x67, 0x0F,
                0x2A, 0x20, 0x53, 0xFA, 0x2C, 0x39, 0xCC, 0xC6, 0x4E, 0xC7, 0xFD, 0x77, 0x92, 0xAC, 0x03, 0x7A,
            ],
            [0xEC] + middle + [0x7F],
            [0xED] + middle + [0x7F],
            [0xEE] + middle + [0x7F],
        ]
    }()
}
