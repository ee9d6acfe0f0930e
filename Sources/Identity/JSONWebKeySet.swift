import COpenSSL
import RawJSON
import Support

/// JSON Web Key Sets (RFC 7517): `{"keys": [{"kty": "EC", "crv": "P-256", "x": "…", "y": "…", "kid": "…"}, …]}`.
enum JSONWebKeySet {
    /// The keys that can verify a signature. Others are passed over, as RFC 7517 (section 5) asks: a set may hold keys for other uses.
    ///
    /// - Throws: ``TokenConfigurationError`` if `document` is no key set, holds no usable key, or one that says it is usable and is not.
    static func publicKeys(in document: [UInt8]) throws(TokenConfigurationError) -> [PublicKey] {
        let keySet: JSONValue
        do throws(JSONSyntaxError) {
            keySet = try JSONValue(parsing: document)
        } catch {
            throw TokenConfigurationError("the key set is not valid: \(error)")
        }
        guard let keys = keySet["keys"]?.array else { throw TokenConfigurationError("the key set has no array 'keys'") }
        var publicKeys: [PublicKey] = []
        for (index, key) in keys.enumerated() where key["use"]?.string ?? "sig" == "sig" {
            guard let parameters = parameters(of: key) else { continue }
            guard let pointer = parameters.publicKey() else {
                let name = key["kid"]?.string.map { "'\($0)'" } ?? "number \(index)"
                throw TokenConfigurationError("key \(name) of the key set is not valid: \(OpenSSLErrors.take())")
            }
            publicKeys.append(PublicKey(owning: pointer, id: key["kid"]?.string?.text, onlyAlgorithm: key["alg"]?.string?.text))
        }
        guard !publicKeys.isEmpty else { throw TokenConfigurationError("the key set holds no key that verifies signatures") }
        return publicKeys
    }

    /// What OpenSSL makes a public key of.
    private enum Parameters {
        case rsa(modulus: [UInt8], exponent: [UInt8])
        /// The point is uncompressed: 4, x, y.
        case curve(name: String, point: [UInt8])
        case ed25519([UInt8])

        /// A new key that the caller owns; `nil` if OpenSSL finds it invalid, a point that is not on its curve for instance.
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
                            OSSL_PARAM_BLD_push_octet_string(builder, OpenSSLName("pub").pointer, point.baseAddress, point.count) == 1
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
            guard EVP_PKEY_fromdata_init(context) == 1, EVP_PKEY_fromdata(context, &key, jf_public_key_selection, parameters) == 1 else {
                EVP_PKEY_free(key)
                return nil
            }
            return key
        }
    }

    /// `nil` for a key of a type or curve that is not supported, or that lacks a part.
    private static func parameters(of key: JSONValue) -> Parameters? {
        func bytes(_ name: ByteString) -> [UInt8]? {
            key[name]?.string.flatMap { text in text.withBytes { Base64URL.decode($0) } }
        }
        switch (key["kty"]?.string, key["crv"]?.string) {
        case ("RSA", _):
            guard let modulus = bytes("n"), let exponent = bytes("e") else { return nil }
            return .rsa(modulus: modulus, exponent: exponent)
        case ("EC", let curve?):
            guard let name = ["P-256": "prime256v1", "P-384": "secp384r1", "P-521": "secp521r1"][curve],
                let x = bytes("x"), let y = bytes("y")
            else { return nil }
            return .curve(name: name, point: [4] + x + y)
        case ("OKP", "Ed25519"):
            return bytes("x").map { .ed25519($0) }
        default:
            return nil
        }
    }
}
