import RawJSON
import Support

/// A line that the daemon received over its control socket: `{"command": "plugin.unload", "name": "rooms"}`.
struct ControlRequest: Sendable {
    let command: String
    private let members: [JSONValue.Member]

    init(parsing line: [UInt8]) throws(ControlError) {
        guard let value = try? JSONValue(parsing: line), let members = value.object,
            let command = value["command"]?.string
        else {
            throw ControlError(
                .invalidArguments, #"a request is one line of JSON, as in {"command": "plugin.list"}"#)
        }
        self.command = command.text
        self.members = members.filter { $0.key != "command" }
    }

    /// Whether the other end waits for the end of the daemon after the first answer.
    var isDrain: Bool { ByteString(command) == "drain" }

    /// Refuses members that the command does not have: a later version of the command line may send them, and would
    /// be misunderstood without them.
    func allow(_ names: ByteString...) throws(ControlError) {
        guard let unknown = members.first(where: { !names.contains($0.key) }) else { return }
        throw ControlError(
            .invalidArguments,
            "'\(command)' has no member '\(unknown.key.text)' in this version, \(JackfieldDaemon.version)")
    }

    /// The value of a member; `nil` if it is absent or `null`.
    func value(_ name: ByteString) -> JSONValue? {
        guard let value = members.last(where: { $0.key == name })?.value, value != .null else { return nil }
        return value
    }

    func text(_ name: ByteString) throws(ControlError) -> String? {
        guard let value = value(name) else { return nil }
        guard let text = value.string, !text.isEmpty else {
            throw ControlError(.invalidArguments, "'\(name.text)' is no text, or is empty")
        }
        return text.text
    }

    func text(required name: ByteString) throws(ControlError) -> String {
        guard let text = try text(name) else {
            throw ControlError(.invalidArguments, "'\(command)' needs the member '\(name.text)'")
        }
        return text
    }

    /// `false` if the member is absent.
    func flag(_ name: ByteString) throws(ControlError) -> Bool {
        switch value(name) {
        case nil: return false
        case .bool(let value)?: return value
        default: throw ControlError(.invalidArguments, "'\(name.text)' is neither true nor false")
        }
    }

    func integer(_ name: ByteString, in range: ClosedRange<Int64>, default standard: Int64) throws(ControlError) -> Int
    {
        guard let value = value(name) else { return Int(standard) }
        guard let number = value.number?.int64, range.contains(number) else {
            throw ControlError(
                .invalidArguments, "'\(name.text)' is no whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return Int(number)
    }
}

/// Why a command was not carried out.
struct ControlError: Error {
    /// For programs; ``message`` is for people. The words that clients know from acks mean the same here.
    enum Code: String {
        case invalidArguments = "invalid_arguments"
        case unknownCommand = "unknown_command"
        /// There is no plugin of that name.
        case notFound = "not_found"
        /// A plugin of that name is loaded, or being loaded.
        case conflict
        /// The plugin could not be loaded, or did not end in time. The log has the same line.
        case failed
        /// The configuration is wrong, or names a plugin that cannot be loaded. Nothing was changed.
        case badConfiguration = "bad_configuration"
        /// The user of the other process may not use the socket.
        case forbidden
        /// 16 commands are running.
        case overloaded
        /// The request did not arrive in time.
        case timeout
        /// The host is stopping, or the plugin is still loading.
        case unavailable
    }

    let code: Code
    /// What was wrong, where, and what to do.
    let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The answer to the request.
    var answer: JSONValue { ["error": ["code": .string(code.rawValue), "message": .string(message)]] }
}
