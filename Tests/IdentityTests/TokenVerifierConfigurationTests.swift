import Foundation
import RawJSON
import Support
import Testing

@testable import Identity

@Suite("Token verifier configuration")
struct TokenVerifierConfigurationTests {
    private func refusal(_ change: (inout TokenVerifierConfiguration) -> Void) -> TokenConfigurationError? {
        var configuration = TokenVerifierConfiguration()
        change(&configuration)
        do throws(TokenConfigurationError) {
            _ = try TokenVerifier(configuration)
            return nil
        } catch {
            #expect(!error.remedy.isEmpty)
            return error
        }
    }

    private func error(_ change: (inout TokenVerifierConfiguration) -> Void) -> String? {
        refusal(change)?.description
    }

    @Test("defaults are those documented")
    func defaults() {
        let configuration = TokenVerifierConfiguration()
        #expect(configuration.algorithms == [.hs256])
        #expect(configuration.leeway == 5000)
        #expect(configuration.userClaim == "sub")
        #expect(configuration.requiresExpiry)
        #expect(configuration.maximumAge == nil)
    }

    @Test("every algorithm needs a key that fits it")
    func keys() {
        let secret = Array(Fixtures.secret.utf8)
        #expect(error { _ in } == "HS256 needs a secret, and there is none")
        #expect(
            error {
                $0.algorithms = []; $0.secret = secret
            }?.hasPrefix("no algorithm is accepted") == true)
        #expect(
            error {
                $0.algorithms = [.rs256]; $0.secret = secret
            } == "RS256 needs a public key that fits it, and there is none")
        #expect(
            error {
                $0.algorithms = [.rs256]; $0.publicKey = Array(Fixtures.p256Key.utf8)
            }
                == "RS256 needs a public key that fits it, and there is an elliptic curve key on prime256v1")
        #expect(
            error {
                $0.algorithms = [.es384]; $0.publicKey = Array(Fixtures.p256Key.utf8)
            }
                == "ES384 needs a public key that fits it, and there is an elliptic curve key on prime256v1")
        #expect(
            error {
                $0.algorithms = [.ps256]; $0.publicKey = Array(Fixtures.ed25519Key.utf8)
            }
                == "PS256 needs a public key that fits it, and there is an Ed25519 key")
        #expect(
            error {
                $0.algorithms = [.hs256]; $0.publicKey = Array(Fixtures.rsaKey.utf8)
            } == "HS256 needs a secret, and there is none")
        #expect(
            error {
                $0.secret = secret; $0.userClaim = ""
            }?.hasPrefix("the user claim has no name") == true)
    }

    // MARK: Secrets

    @Test(
        "a secret shorter than the digest of its algorithm is refused",
        arguments: [(TokenAlgorithm.hs256, 32), (.hs384, 48), (.hs512, 64)])
    func shortSecret(algorithm: TokenAlgorithm, least: Int) {
        for length in [0, 1, least - 1] {
            let refusal = refusal {
                $0.algorithms = [algorithm]; $0.secret = [UInt8](repeating: 1, count: length)
            }
            #expect(refusal?.setting == .secret)
            #expect(
                refusal?.description.hasPrefix(
                    "the secret has \(length) bytes and can be guessed: \(algorithm.rawValue) needs \(least)") == true)
            #expect(refusal?.remedy.contains("openssl rand -hex \(least)") == true)
        }
        #expect(
            refusal {
                $0.algorithms = [algorithm]; $0.secret = [UInt8](repeating: 1, count: least)
            } == nil)
        // Each of several algorithms has its own minimum.
        #expect(
            refusal {
                $0.algorithms = [.hs256, .hs512]; $0.secret = [UInt8](repeating: 1, count: 32)
            }?.description.contains("HS512 needs 64") == true)
    }

    @Test("published key material is refused as a secret in every format")
    func publishedSecret() throws {
        func body(_ pem: String) -> String {
            pem.split(separator: "\n").filter { !$0.hasPrefix("-----") }.joined()
        }
        let der = try #require(Data(base64Encoded: body(Fixtures.rsaKey)))
        let header = "-----BEGIN " + "EC PRIVATE KEY-----\n"
        let cases: [([UInt8], String)] = [
            (Array(Fixtures.rsaKey.utf8), "a public key in PEM"),
            (Array("\n\(Fixtures.p256Key)\n".utf8), "a public key in PEM"),
            (Array(Fixtures.p256Certificate.utf8), "a certificate in PEM"),
            (Array((header + "AAAA").utf8), "a private key in PEM"),
            (Array(der), "a public key in DER"), (Array(body(Fixtures.rsaKey).utf8), "a public key in Base64"),
            (Array(body(Fixtures.p256Certificate).utf8), "a certificate in Base64"),
            (Array(Fixtures.keySet.utf8), "a JSON Web Key"),
            (Array(#"{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#.utf8), "a JSON Web Key"),
            (Array("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC me@here".utf8), "an SSH public key"),
        ]
        for (secret, words) in cases {
            let refusal = refusal { $0.secret = secret }
            #expect(refusal?.setting == .secret)
            #expect(refusal?.description == "the secret is \(words): whoever has it could sign tokens")
        }
        for secret in [
            "MIIB and so on, which is no key at all", #"{"a": "JSON that is no key, of many bytes"}"#,
            String(repeating: "0", count: 64),
        ] {
            #expect(refusal { $0.secret = Array(secret.utf8) } == nil)
        }
    }

    // MARK: Public keys

    @Test("a file without a public key and a file with a private key have different errors")
    func pem() {
        #expect(
            error {
                $0.algorithms = [.rs256]; $0.publicKey = Array("hello".utf8)
            }?.contains("BEGIN PUBLIC KEY") == true)
        #expect(
            error {
                $0.algorithms = [.rs256]; $0.publicKey = []
            }?.contains("BEGIN PUBLIC KEY") == true)
        let header = "-----BEGIN " + "PRIVATE KEY-----\nAAAA\n-----END " + "PRIVATE KEY-----\n"
        #expect(
            error {
                $0.algorithms = [.rs256]; $0.publicKey = Array(header.utf8)
            }?.contains("holds a private key") == true)
        #expect(
            error {
                $0.algorithms = [.rs256]; $0.publicKey = Array((Fixtures.rsaKey + "\n" + header).utf8)
            }?.contains("holds a private key") == true)
    }

    @Test("an RSA key that can be factored, or has a weak exponent, is refused in a PEM file and in a key set")
    func weakRSA() throws {
        func pem(_ key: String) -> TokenConfigurationError? {
            refusal {
                $0.algorithms = [.rs256]; $0.publicKey = Array(key.utf8)
            }
        }
        #expect(pem(Fixtures.smallRSAKey)?.description.contains("an RSA key of 1024 bits") == true)
        #expect(
            pem(Fixtures.rsaKeyOfExponentOne)?.description.contains(
                "the exponent 1, with which signatures can be forged") == true)
        #expect(pem(Fixtures.rsaKeyOfExponentOne)?.setting == .publicKey)

        let modulus = try #require(JSONValue(parsing: Array(Fixtures.keySet.utf8))["keys"]?.array?.first?["n"]?.string)
        func set(_ modulus: some StringProtocol, _ exponent: String) -> TokenConfigurationError? {
            refusal {
                $0.algorithms = [.rs256, .ps256];
                $0.keySet = Array(#"{"keys":[{"kty":"RSA","kid":"r","n":"\#(modulus)","e":"\#(exponent)"}]}"#.utf8)
            }
        }
        let m = "\(modulus)"
        #expect(set(m, "AQAB") == nil && set(m, "Aw") == nil)
        #expect(set(m, "AQ")?.description.contains("key 'r' of the key set is an RSA key with the exponent 1") == true)
        #expect(set(m, "AQ")?.setting == .keySet)
        #expect(set(m, "Ag")?.description.contains("the exponent 2") == true)
        #expect(set(m, "AQAA")?.description.contains("the exponent 65536") == true)
        #expect(set(m, "AA")?.description.contains("the exponent 0") == true)
        #expect(set(m, "AAAAAAAAAAAAAAAA") != nil)
        #expect(set(m, "") != nil)
        #expect(set(m.prefix(172), "AQAB")?.description.contains("bits, which can be factored") == true)
        #expect(set(m + m + m + m + m + m + m + m + m, "AQAB")?.description.contains("more than the 16384") == true)
        // Even, and prime.
        #expect(set(m.dropLast(2) + "sA", "AQAB")?.description.contains("not a valid RSA key") == true)
        #expect(set(Fixtures.primeModulus, "AQAB")?.description.contains("not a valid RSA key") == true)
    }

    @Test(
        "an Ed25519 key of small order, for which anybody can sign, is refused in a PEM file and in a key set",
        arguments: [
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA", "7P_______________________________________38",
            "7f_______________________________________38",
            "7v_______________________________________38", "7f________________________________________8",
            "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU", "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_IU",
            "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o",
            "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA_o",
        ])
    func smallOrder(_ point: String) throws {
        let bytes = try #require(Array(point.utf8).withUnsafeBytes { Base64.decodeURL($0) })
        #expect(bytes.count == 32)
        let set = refusal {
            $0.algorithms = [.edDSA];
            $0.keySet = Array(#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"\#(point)"}]}"#.utf8)
        }
        #expect(set?.description.hasPrefix("key number 0 of the key set is a point of small order") == true)
        let prefix: [UInt8] = [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00]
        let pem =
            "-----BEGIN PUBLIC KEY-----\n\(Data(prefix + bytes).base64EncodedString())\n-----END PUBLIC KEY-----\n"
        let file = refusal {
            $0.algorithms = [.edDSA]; $0.publicKey = Array(pem.utf8)
        }
        #expect(file?.description.hasPrefix("the public key is a point of small order") == true)
    }

    // MARK: Key sets

    private func set(_ keys: String, _ algorithm: TokenAlgorithm = .es256) -> TokenConfigurationError? {
        refusal {
            $0.algorithms = [algorithm]; $0.keySet = Array(#"{"keys":[\#(keys)]}"#.utf8)
        }
    }

    /// The ES256 key with additional members.
    private func key(_ members: String) -> String {
        #"{"kty":"EC","crv":"P-256","x":"ZhFeY9M_iggtzUPKGQ2xz0HPctVYjJlAvnhW9AA1iUw","y":"7XfM6TOIXQJ9_X6cRCWuh-lqRwxQuIN_0GyPTe83lzU"\#(members)}"#
    }

    @Test("a key set that cannot be used says why")
    func keySets() {
        func error(_ keySet: String) -> String? {
            self.error {
                $0.algorithms = [.es256]; $0.keySet = Array(keySet.utf8)
            }
        }
        #expect(error("{") == "the key set is not valid: invalid JSON: it ends too early, at byte 1")
        #expect(error("[]") == "the key set has no array 'keys'")
        #expect(error(#"{"keys":{}}"#) == "the key set has no array 'keys'")
        #expect(error(#"{"keys":[]}"#) == "the key set holds no key that verifies signatures")
        #expect(set("7")?.description == "key number 0 of the key set is no object")
        #expect(
            set(#"{"kty":"EC","crv":"P-256"}"#)?.description == "key number 0 of the key set has no 'x' in base64url")
        #expect(
            set(#"{"kty":"OKP","crv":"X25519","x":"AA"}"#)?.description.contains(
                "key number 0 is of a type that signs no token") == true)
        // A point that is not on the curve.
        #expect(
            set(#"{"kty":"EC","kid":"k","crv":"P-256","x":"AQ","y":"AQ"}"#)?.description.hasPrefix(
                "key 'k' of the key set is not valid") == true)
        #expect(
            set(#"{"kty":"OKP","crv":"Ed25519","x":"AQ"}"#)?.description.hasPrefix(
                "key number 0 of the key set is not valid") == true)
        #expect(
            set((0..<101).map { _ in key("") }.joined(separator: ","))?.description.contains(
                "101 keys, more than the 100") == true)
        #expect(set((0..<100).map { _ in key("") }.joined(separator: ",")) == nil)
    }

    @Test("a key for another purpose is ignored, and a set without a usable key is an error")
    func otherUses() throws {
        #expect(
            set(key(#","use":"enc""#))?.description.hasSuffix(
                "verifies signatures: key number 0 is kept for the use 'enc'") == true)
        for operations in ["[]", #"["encrypt"]"#, #"["sign"]"#, #"["Verify"]"#] {
            #expect(
                set(key(#","key_ops":\#(operations)"#))?.description.hasSuffix(
                    "key number 0 has 'key_ops' without 'verify'") == true)
        }
        #expect(
            set(key(#","key_ops":["verify"]"#)) == nil && set(key(#","use":"sig","key_ops":["sign","verify"]"#)) == nil)
        #expect(set(key(#","use":"enc""#) + "," + key("")) == nil)

        var configuration = TokenVerifierConfiguration()
        configuration.algorithms = [.es256]
        for members in [#","kid":"p256","use":"enc""#, #","kid":"p256","key_ops":["encrypt"]"#] {
            // A second key, so that the set has a usable one.
            let other = Fixtures.keySet.split(separator: "\n").first { $0.contains(#""kid":"ed25519""#) } ?? ""
            configuration.algorithms = [.edDSA]
            configuration.keySet = Array(#"{"keys":[\#(key(members)),\#(other.dropLast())]}"#.utf8)
            #expect((try? TokenVerifier(configuration)) != nil)
            configuration.algorithms = [.edDSA, .es256]
            #expect((try? TokenVerifier(configuration)) == nil)
        }
    }

    @Test("a member of a wrong type is an error, not an absent member")
    func wrongTypes() {
        for members in [
            #","use":["enc"]"#, #","use":null"#, #","alg":5"#, #","kid":7"#, #","key_ops":"verify""#,
            #","key_ops":[1]"#, #","key_ops":null"#,
        ] {
            #expect(set(key(members))?.description.contains("key number 0 of the key set has ") == true)
        }
    }

    @Test("a private or symmetric key in the set is refused, whatever its purpose")
    func privateKeys() {
        for member in ["d", "p", "q", "dp", "dq", "qi", "oth"] {
            let refusal = set(key("") + "," + key(#","kid":"mine","use":"enc","\#(member)":"AAAA""#))
            #expect(refusal?.description == "key 'mine' of the key set holds its private half ('\(member)')")
        }
        #expect(
            set(key("") + #",{"kty":"oct","kid":"shared","k":"AAAA"}"#)?.description
                == "key 'shared' of the key set is a symmetric key ('k')")
    }

    @Test("a key with an 'alg' is used for that algorithm only")
    func keyForOneAlgorithm() {
        #expect(set(key(#","alg":"ES256""#)) == nil)
        #expect(set(key(#","alg":"ES384""#))?.description.hasPrefix("ES256 needs a public key that fits it") == true)
    }
}

@Suite("Token signer")
struct TokenSignerTests {
    @Test("signatures equal those of PyJWT byte for byte")
    func knownToken() throws {
        let token = try TokenSigner(secret: Array(Fixtures.secret.utf8)).sign([
            "sub": "1234567890", "name": "John Doe", "iat": 1_516_239_022,
        ])
        #expect(
            token
                == "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.NtTpdNNS21A7JMyRi60hDObMSATmi4ml1JqovX8vyW4"
        )
    }

    @Test("a signer refuses a secret that a verifier refuses, and algorithms of public keys")
    func refused() {
        #expect(throws: TokenConfigurationError.self) { try TokenSigner(secret: []) }
        #expect(throws: TokenConfigurationError.self) { try TokenSigner(secret: [UInt8](repeating: 1, count: 31)) }
        #expect(throws: TokenConfigurationError.self) { try TokenSigner(secret: Array(Fixtures.rsaKey.utf8)) }
        #expect(throws: TokenConfigurationError.self) {
            try TokenSigner(secret: Array(Fixtures.secret.utf8), algorithm: .rs256)
        }
    }
}
