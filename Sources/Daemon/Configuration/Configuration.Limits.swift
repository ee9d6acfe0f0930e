extension Configuration {
    /// What bounds every queue, buffer and count. Whatever is refused for a limit is refused with an error and counted.
    public struct Limits: Sendable, Equatable {
        /// Connections at a time; 0: as many as the limit on open files allows.
        public var connections = 0
        /// Connections of one address, or IPv6 network of 64 bits; 0: no limit of its own.
        public var connectionsPerAddress = 0
        /// Engine.IO sessions at a time.
        public var sessions = 250_000
        /// Sessions of one address, likewise; 0: no limit of its own.
        public var sessionsPerAddress = 0
        /// Sessions that may wait to join a namespace; the one that has waited longest gives way to the next.
        public var sessionsBeforeConnect = 50_000
        /// Bytes of a message, and of a POST, of a session that has joined no namespace.
        public var messageBeforeConnect = 65_536
        /// Bytes held for all clients together: unfinished input, output that waits, the requests that opened sessions.
        public var memory = 536_870_912
        /// Bytes that wait for one slow reader before its connection is closed; one message is always taken whole.
        public var outputBuffer = 8_388_608
        /// Bytes of the body of a request to the HTTP routes.
        public var httpBody = 1_048_576
        /// Rooms one socket may be in.
        public var roomsPerSocket = 10_000
        /// Namespaces one connection may be in.
        public var namespacesPerConnection = 64
        /// Acks one socket may have outstanding, in each direction.
        public var pendingAcksPerSocket = 1_000
        /// Users one socket may watch the presence of.
        public var presenceWatchesPerSocket = 1_000
        /// Bytes of the ids of these users together.
        public var presenceWatchBytesPerSocket = 65_536
        /// Callbacks that wait for one plugin.
        public var pluginQueueCallbacks = 10_000
        /// Bytes of the events that wait for one plugin.
        public var pluginQueueBytes = 16_777_216
        /// Bytes of the results that are gathered for one plugin.
        public var pluginResultBytes = 33_554_432
        /// Percent of a plugin's queue that one socket may have waiting; 100: all of it.
        public var pluginQueueSocketShare = 25
        /// Percent of a plugin's queue that one user may have waiting; 100: all of it.
        public var pluginQueueUserShare = 50
        /// Sessions that connection state recovery keeps, and their bytes.
        public var recoverySessions = 10_000
        public var recoverySessionBytes = 16_000_000
        /// Events that it keeps for them, and their bytes.
        public var recoveryEvents = 100_000
        public var recoveryEventBytes = 64_000_000
        /// From the moment a plugin begins to load until it is given up.
        public var startDeadline = Duration.milliseconds(30_000)
        /// From the signal to stop to the end of the process: what is queued is finished within
        /// it, what is not is dropped.
        public var shutdownDeadline = Duration.milliseconds(10_000)

        public init() {}
    }
}

extension Configuration.Limits: ConfigurationSettings {
    /// How many of the largest messages fit into a plugin's queue whose size was not set: raising `maxHttpBufferSize`
    /// alone must not make an accepted message one that can never be handed over.
    private static let queuedMessages = 4

    /// A queue not below its default, and large enough for messages of `size` bytes.
    mutating func fit(messagesOf size: Int) {
        pluginQueueBytes = max(pluginQueueBytes, size * Self.queuedMessages)
    }

    mutating func read(_ section: ConfigurationSection) {
        let count = 1...Int(Int32.max)
        let bytes = ConfigurationRule.integer(1...(1 << 40), "bytes")
        section.read("connections", into: &connections, .integer(0...Int(Int32.max), "connections"))
        section.read("connectionsPerAddress", into: &connectionsPerAddress, .integer(0...Int(Int32.max), "connections"))
        section.read("sessions", into: &sessions, .integer(count, "sessions"))
        section.read("sessionsPerAddress", into: &sessionsPerAddress, .integer(0...Int(Int32.max), "sessions"))
        section.read("sessionsBeforeConnect", into: &sessionsBeforeConnect, .integer(count, "sessions"))
        section.read("messageBeforeConnect", into: &messageBeforeConnect, bytes)
        section.read("memory", into: &memory, .integer((1 << 20)...(1 << 40), "bytes"))
        section.read("outputBuffer", into: &outputBuffer, bytes)
        section.read("httpBody", into: &httpBody, bytes)
        section.read("roomsPerSocket", into: &roomsPerSocket, .integer(count, "rooms"))
        section.read("namespacesPerConnection", into: &namespacesPerConnection, .integer(count, "namespaces"))
        section.read("pendingAcksPerSocket", into: &pendingAcksPerSocket, .integer(count, "acks"))
        section.read("presenceWatchesPerSocket", into: &presenceWatchesPerSocket, .integer(count, "users"))
        section.read("presenceWatchBytesPerSocket", into: &presenceWatchBytesPerSocket, bytes)
        section.read("pluginQueueCallbacks", into: &pluginQueueCallbacks, .integer(count, "callbacks"))
        section.read("pluginQueueBytes", into: &pluginQueueBytes, bytes)
        section.read("pluginResultBytes", into: &pluginResultBytes, bytes)
        section.read("pluginQueueSocketShare", into: &pluginQueueSocketShare, .integer(1...100, "percent"))
        section.read("pluginQueueUserShare", into: &pluginQueueUserShare, .integer(1...100, "percent"))
        section.read("recoverySessions", into: &recoverySessions, .integer(count, "sessions"))
        section.read("recoverySessionBytes", into: &recoverySessionBytes, bytes)
        section.read("recoveryEvents", into: &recoveryEvents, .integer(count, "events"))
        section.read("recoveryEventBytes", into: &recoveryEventBytes, bytes)
        section.read("startDeadline", into: &startDeadline, .milliseconds())
        section.read("shutdownDeadline", into: &shutdownDeadline, .milliseconds(from: 0))
    }
}
