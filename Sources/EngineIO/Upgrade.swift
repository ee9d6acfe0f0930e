/// The way of a session from polling to WebSocket.
enum Upgrade {
    /// Nobody has asked.
    case none
    /// A WebSocket with this session's id is open and has not said `2probe` yet.
    case opened(any WebSocketOutput)
    /// `2probe` was answered; polls get a noop until `5` comes.
    case probed(any WebSocketOutput)
    /// The session speaks over a WebSocket, or always did.
    case done

    /// What a packet on the new WebSocket asks for.
    enum Action: Equatable {
        /// Answer `3probe`, and end a waiting poll with a noop.
        case answerProbe
        /// Everything goes over the new transport from here on.
        case switchOver
        /// No part of an upgrade: the new transport is closed, the session goes on as before.
        case reject
    }

    /// The WebSocket on its way in.
    var candidate: (any WebSocketOutput)? {
        switch self {
        case .opened(let output), .probed(let output): output
        case .none, .done: nil
        }
    }

    /// Whether polls are answered with a noop by a timer.
    var isProbing: Bool {
        if case .probed = self { true } else { false }
    }

    /// A WebSocket with this session's id opened. false: there is one already, so this one is closed.
    mutating func open(_ output: any WebSocketOutput) -> Bool {
        guard case .none = self else { return false }
        self = .opened(output)
        return true
    }

    /// A packet came on the candidate.
    mutating func received(_ packet: EnginePacket) -> Action {
        guard let output = candidate else { return .reject }
        switch packet {
        case .text(.ping, let data) where data.elementsEqual("probe".utf8):
            self = .probed(output)
            return .answerProbe
        case .text(.upgrade, _):
            self = .done
            return .switchOver
        case .text, .binary, .malformed:
            self = .none
            return .reject
        }
    }

    /// The candidate went away, or took too long.
    mutating func abandon() {
        guard candidate != nil else { return }
        self = .none
    }
}
