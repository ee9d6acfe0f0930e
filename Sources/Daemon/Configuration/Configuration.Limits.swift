extension Configuration {
    /// Bounds of queues, buffers and counts. What exceeds a limit is refused with an error and counted in `/metrics`.
    public struct Limits: Sendable, Equatable {
        /// Open connections; 0: as many as the limit on open files allows.
        public var connections = 0
        /// Connections from one address, or from one /64 network of IPv6; 0: no separate limit.
        public var connectionsPerAddress = 0
        /// Open Engine.IO sessions.
        public var sessions = 250_000
        /// Sessions from one address or /64 network; 0: no separate limit.
        public var sessionsPerAddress = 0
        /// Sessions that have joined no namespace yet. Beyond the limit, the one that has waited longest is closed.
        public var sessionsBeforeConnect = 50_000
        /// Bytes of a message or POST body from a session that has joined no namespace.
        public var messageBeforeConnect = 65_536
        /// Bytes held for all clients together: incomplete input, output that waits, handshake requests.
        public var memory = 536_870_912
        /// Bytes that may wait for one slow reader before its connection is closed. A single message may exceed it.
        public var outputBuffer = 8_388_608
        /// Bytes of a request body on the HTTP routes.
        public var httpBody = 1_048_576
        /// Rooms one socket may be in.
        public var roomsPerSocket = 10_000
        /// Namespaces one connection may be in.
        public var namespacesPerConnection = 64
        /// Pending acks of one socket, in each direction.
        public var pendingAcksPerSocket = 1_000
        /// Users whose presence one socket may watch.
        public var presenceWatchesPerSocket = 1_000
        /// Bytes of the ids of these users together.
        public var presenceWatchBytesPerSocket = 65_536
        /// Callbacks that wait for one plugin.
        public var pluginQueueCallbacks = 10_000
        /// Bytes of the events that wait for one plugin.
        public var pluginQueueBytes = 16_777_216
        /// Bytes of the results collected for one plugin.
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
        /// Time above which a callback of a plugin is logged as slow; 0: none is.
        public var slowCallback = Duration.milliseconds(1_000)
        /// Time that a plugin has to load before it is abandoned.
        public var startDeadline = Duration.milliseconds(30_000)
        /// Time from the stop signal to the end of the process. Queued work that is not finished by then is dropped.
        public var shutdownDeadline = Duration.milliseconds(10_000)
        /// How long the events of a plugin's clients may be held while it is reloaded.
        public var reloadDeadline = Duration.milliseconds(5_000)

        public init() {}
    }
}

extension Configuration.Limits: ConfigurationSettings {
    /// How many of the largest messages fit into a plugin's queue whose size was not set. Without this, a larger
    /// `maxHttpBufferSize` alone would accept messages that no plugin's queue can hold.
    private static let queuedMessages = 4

    /// Enlarges the plugin queue, if necessary, for messages of `size` bytes.
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
        section.read("slowCallback", into: &slowCallback, .milliseconds(from: 0))
        section.read("startDeadline", into: &startDeadline, .milliseconds())
        section.read("shutdownDeadline", into: &shutdownDeadline, .milliseconds(from: 0))
        section.read("reloadDeadline", into: &reloadDeadline, .milliseconds())
    }
}
