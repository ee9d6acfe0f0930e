import FuzzSupport
import Identity

/// Rules for key material, which comes from files and URLs that the operator configures: any bytes make a verifier, or
/// an error with a reason.
enum KeyRules {
    static func check(_ material: [UInt8]) {
        for usesKeySet in [false, true] {
            var configuration = TokenVerifierConfiguration()
            configuration.algorithms = [.rs256, .es256, .edDSA]
            if usesKeySet { configuration.keySet = material } else { configuration.publicKey = material }
            do throws(TokenConfigurationError) {
                _ = try TokenVerifier(configuration)
            } catch {
                require(!error.description.isEmpty, "an error says why")
            }
        }
    }
}
