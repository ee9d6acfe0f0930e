import FakeHost
import JackfieldPlugin
import Testing

/// A plugin whose configuration uses all kinds of `Decodable` members.
private final class Configured: Plugin {
    static let name = "configured", version = "1.0.0"

    struct Settings: Decodable {
        struct Limits: Decodable {
            let messages: Int
            let rooms: Int?
        }

        let store: String
        let maxAge: Int?
        let limits: Limits?
        let shops: [Limits]?
        /// May have any keys.
        let labels: [String: String]?
        /// Not decoded, so it may have any keys.
        let raw: JSON?
        let mode: Mode?
    }

    /// Reads from two containers over the same object.
    struct Mode: Decodable {
        let name: String
        let level: Int?

        enum Names: String, CodingKey { case name }
        enum Levels: String, CodingKey { case level, depth }

        init(from decoder: any Decoder) throws {
            name = try decoder.container(keyedBy: Names.self).decode(String.self, forKey: .name)
            // `depth` is known, although this does not look it up.
            level = try decoder.container(keyedBy: Levels.self).decodeIfPresent(Int.self, forKey: .level)
        }
    }

    init(host: JackfieldHost) throws { _ = try host.config(Settings.self) }

    static func declare(_ io: Declarations<Configured>) {}
}

@Suite struct ConfigurationTests {
    @Test(arguments: [
        (#"{"stroe":"x"}"#, "config: unknown key 'stroe', did you mean 'store'?"),
        (#"{"store":"x","max_age":1}"#, "config: unknown key 'max_age', did you mean 'maxAge'?"),
        (
            #"{"store":"x","colour":1}"#,
            "config: unknown key 'colour'; known: labels, limits, maxAge, mode, raw, shops, store"
        ),
        (
            #"{"store":"x","limits":{"messages":1,"romms":2}}"#,
            "config.limits: unknown key 'romms', did you mean 'rooms'?"
        ),
        (#"{"store":"x","limits":{"mesages":1}}"#, "config.limits: unknown key 'mesages', did you mean 'messages'?"),
        (
            #"{"store":"x","shops":[{"messages":1},{"messages":1,"room":1}]}"#,
            "config.shops[1]: unknown key 'room', did you mean 'rooms'?"
        ),
        (#"{"store":"x","mode":{"name":"a","levle":1}}"#, "config.mode: unknown key 'levle', did you mean 'level'?"),
        // The first in the text, independent of the order of look-ups.
        (
            #"{"limits":{"messages":1,"a":2},"b":3,"store":"x"}"#,
            "config: unknown key 'b'; known: labels, limits, maxAge, mode, raw, shops, store"
        ),
        (#"{"store":7}"#, "config.store must be text"),
        (#"{}"#, "config.store is missing"),
    ])
    func `an unknown key is refused, and the error suggests a similar known one`(config: String, problem: String) {
        #expect(FakeHost(config: config).load(Configured.main) == problem)
    }

    @Test(arguments: [
        #"{"store":"x"}"#,
        #"{"store":"x","maxAge":null,"limits":{"messages":1,"rooms":null},"shops":[]}"#,
        #"{"store":"x","labels":{"anything":"goes","store":"y"},"raw":{"anything":[{"goes":1}]},"mode":{"name":"a","level":1,"depth":2}}"#,
    ])
    func `known keys are accepted`(config: String) {
        #expect(FakeHost(config: config).load(Configured.main) == nil)
    }
}
