import COpenSSL
import RawJSON
import Support

/// JSON Web Key Sets (RFC 7517): `{"keys": [{"kty": "EC", "crv": "P-256", "x": "…", "y": "…", "kid": "…"}, …]}`.
enum JSONWebKeySet {
    /// The most keys in a set. A token without a `kid` is tried with each key that fits.
    private static let mostKeys = 100

    /// The keys of a set that can verify a signature. Others are ignored, as RFC 7517 (section 5) requires: a set may
    /// contain keys for other uses.
    ///
    /// - Throws: ``TokenConfigurationError`` if `document` is not a key set, contains no usable key, an invalid key, or
    ///   a private or symmetric key.
    static func publicKeys(in document: [UInt8]) throws(TokenConfigurationError) -> [PublicKey] {
        let keySet: JSONValue
        do throws(JSONSyntaxError) {
            keySet = try JSONValue(parsing: document)
        } catch {
            throw failure("the key set is not valid: \(error)", "give a file with a JSON Web Key Set (RFC 7517)")
        }
        guard let keys = keySet["keys"]?.array else {
            throw failure("the key set has no array 'keys'", "give a file with a JSON Web Key Set (RFC 7517)")
        }
        guard keys.count <= mostKeys else {
            throw failure(
                "the key set holds \(keys.count) keys, more than the \(mostKeys) allowed",
                "leave only the keys that sign tokens")
        }
        var publicKeys: [PublicKey] = []
        var unusable: [String] = []
        for (index, key) in keys.enumerated() {
            let name = key["kid"]?.string.map { "key '\($0)'" } ?? "key number \(index)"
            try refusePrivateParts(of: key, named: name)
            do throws(Unusable) {
                publicKeys.append(try publicKey(of: key, named: name))
            } catch {
                switch error {
                case .keptForAnotherUse(let reason): unusable.append("\(name) \(reason)")
                case .wrong(let reason):
                    throw failure("\(name) of the key set \(reason)", "mend the key, or remove it from the set")
                }
            }
        }
        guard !publicKeys.isEmpty else {
            let reasons = unusable.isEmpty ? "" : ": \(unusable.joined(separator: "; "))"
            throw failure(
                "the key set holds no key that verifies signatures\(reasons)",
                "add the public key of whoever signs the tokens")
        }
        return publicKeys
    }

    /// Why a key of a set cannot be used, as words that follow its name.
    private enum Unusable: Error {
        /// The key is valid, but not for verifying tokens; it is ignored.
        case keptForAnotherUse(String)
        case wrong(String)
    }

    /// The members of private and of symmetric keys (RFC 7518, sections 6.2.2, 6.3.2 and 6.4, and RFC 8037, section 2).
    private static let privateMembers: [ByteString] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]

    /// Refuses keys with private parts: key sets are published, and the daemon must not have a key that can sign.
    private static func refusePrivateParts(of key: JSONValue, named name: String) throws(TokenConfigurationError) {
        guard let member = privateMembers.first(where: { key[$0] != nil }) else { return }
        let what = member == "k" ? "is a symmetric key ('k')" : "holds its private half ('\(member)')"
        let remedy =
            member == "k"
            ? "remove it; a shared secret belongs into secret or secretFile"
            : "publish only the public half, and consider the key pair as known to others"
        throw failure("\(name) of the key set \(what)", remedy)
    }

    private static func publicKey(of key: JSONValue, named name: String) throws(Unusable) -> PublicKey {
        guard key.object != nil else { throw .wrong("is no object") }
        for member: ByteString in ["kty", "use", "alg", "kid"] where key[member] != nil && key[member]?.string == nil {
            throw .wrong("has a '\(member)' that is no text")
        }
        if let use = key["use"]?.string, use != "sig" { throw .keptForAnotherUse("is kept for the use '\(use)'") }
        if let operations = key["key_ops"] {
            guard let list = operations.array, list.allSatisfy({ $0.string != nil }) else {
                throw .wrong("has 'key_ops' that are no list of texts")
            }
            guard list.contains("verify") else { throw .keptForAnotherUse("has 'key_ops' without 'verify'") }
        }
        let parameters = try parameters(of: key)
        defer { OpenSSLErrors.clear() }
        guard let pointer = parameters.publicKey() else { throw .wrong("is not valid: \(OpenSSLErrors.drain())") }
        do throws(PublicKey.Weakness) {
            return try PublicKey(
                owning: pointer, id: key["kid"]?.string, onlyAlgorithm: key["alg"]?.string)
        } catch {
            throw .wrong("is \(error.words)")
        }
    }

    private static func failure(_ what: String, _ remedy: String) -> TokenConfigurationError {
        TokenConfigurationError(.keySet, what, remedy: remedy)
    }

    /// The parameters from which OpenSSL creates a public key.
    private enum Parameters {
        case rsa(modulus: [UInt8], exponent: [UInt8])
        /// The point is uncompressed: 4, x, y.
        case curve(name: String, point: [UInt8])
        case ed25519([UInt8])

        /// Creates a key that the caller owns; `nil` if OpenSSL finds it invalid, for instance a point that is not on
        /// its curve.
        func publicKey() -> OpaquePointer? {
            if case .ed25519(let bytes) = self {
                return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, bytes.count)
            }
            guard let builder = OSSL_PARAM_BLD_new() else { return nil }
            defer { OSSL_PARAM_BLD_free(builder) }
            // The builder keeps pointers to the numbers until it is turned into parameters.
            var numbers: [OpaquePointer] = []
            defer { numbers.forEach(BN_free) }
            func push(_ name: OpenSSLName, _ bytes: [UInt8]) -> Bool {
                guard let number = BN_bin2bn(bytes, Int32(clamping: bytes.count), nil) else { return false }
                numbers.append(number)
                return OSSL_PARAM_BLD_push_BN(builder, name.pointer, number) == 1
            }
            switch self {
            case .rsa(let modulus, let exponent):
                guard push("n", modulus), push("e", exponent) else { return nil }
                return Self.key(type: "RSA", builder)
            case .curve(let name, let point):
                return point.withUnsafeBytes { point in
                    name.withCString { name in
                        guard OSSL_PARAM_BLD_push_utf8_string(builder, OpenSSLName("group").pointer, name, 0) == 1,
                            OSSL_PARAM_BLD_push_octet_string(
                                builder, OpenSSLName("pub").pointer, point.baseAddress, point.count) == 1
                        else { return nil }
                        return Self.key(type: "EC", builder)
                    }
                }
            case .ed25519:
                return nil
            }
        }

        private static func key(type: String, _ builder: OpaquePointer) -> OpaquePointer? {
            guard let parameters = OSSL_PARAM_BLD_to_param(builder) else { return nil }
            defer { OSSL_PARAM_free(parameters) }
            guard let context = EVP_PKEY_CTX_new_from_name(nil, type, nil) else { return nil }
            defer { EVP_PKEY_CTX_free(context) }
            var key: OpaquePointer?
            guard EVP_PKEY_fromdata_init(context) == 1,
                EVP_PKEY_fromdata(context, &key, jf_public_key_selection, parameters) == 1
            else {
                EVP_PKEY_free(key)
                return nil
            }
            return key
        }
    }

    /// - Throws: ``Unusable`` for an unsupported type or curve, or a missing parameter.
    private static func parameters(of key: JSONValue) throws(Unusable) -> Parameters {
        func bytes(_ name: ByteString) throws(Unusable) -> [UInt8] {
            guard let text = key[name]?.string, let bytes = text.withBytes({ Base64.decodeURL($0) }) else {
                throw .wrong("has no '\(name)' in base64url")
            }
            return bytes
        }
        let curve = key["crv"]?.string
        switch key["kty"]?.string {
        case "RSA":
            return .rsa(modulus: try bytes("n"), exponent: try bytes("e"))
        case "EC":
            guard let name = curve.flatMap({ ["P-256": "prime256v1", "P-384": "secp384r1", "P-521": "secp521r1"][$0] })
            else {
                throw .keptForAnotherUse("is on a curve that signs no token")
            }
            return .curve(name: name, point: [4] + (try bytes("x")) + (try bytes("y")))
        case "OKP" where curve == "Ed25519":
            return .ed25519(try bytes("x"))
        default:
            throw .keptForAnotherUse("is of a type that signs no token")
        }
    }
}
