@testable import Daemon

/// A key, so that a test about something else need not mention one.
let environmentWithKey = ["JWT_SECRET": "0123456789abcdef0123456789abcdef"]

/// What a text comes to.
func load(
    _ yaml: String, environment: [String: String] = environmentWithKey, _ overrides: Configuration.Overrides = .init()
) throws -> Configuration {
    try Configuration.load(yaml: yaml, named: "test.yaml", environment: environment, overrides: overrides)
}

/// What is wrong with a text, a line for each problem.
func problems(
    _ yaml: String, environment: [String: String] = environmentWithKey, _ overrides: Configuration.Overrides = .init()
) -> [String] {
    do {
        _ = try Configuration.load(yaml: yaml, named: "test.yaml", environment: environment, overrides: overrides)
        return []
    } catch {
        return error.problems.map(\.description)
    }
}
