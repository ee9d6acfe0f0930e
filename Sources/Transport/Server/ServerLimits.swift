import EngineIO
import Glibc
import NIOCore
import Synchronization

/// Counts the connections and sessions of a server, and decides whether it admits one more. Any thread.
final class ServerLimits: Sendable {
    /// Why a session is refused.
    enum Refusal {
        case sessions
        case sessionsOfAddress
        case memory

        /// The message that the client receives.
        var message: String {
            switch self {
            case .sessions: "Too many sessions"
            case .sessionsOfAddress: "Too many sessions from this address"
            case .memory: "Out of memory"
            }
        }
    }

    let budget: MemoryBudget
    private let maxConnections: Atomic<Int>
    private let maxSessions: Atomic<Int>
    private let connections = Atomic<Int>(0)
    private let sessions = Atomic<Int>(0)
    private let connectionsByAddress: AddressCount?
    private let sessionsByAddress: AddressCount?

    init(_ options: TransportOptions) {
        budget = MemoryBudget(limit: options.memory)
        maxConnections = Atomic(options.maxConnections)
        maxSessions = Atomic(options.maxSessions)
        connectionsByAddress = AddressCount(limit: options.maxConnectionsPerAddress)
        sessionsByAddress = AddressCount(limit: options.maxSessionsPerAddress)
    }

    /// Puts the limits of `options` in force, but for those of one address.
    func adopt(_ options: TransportOptions) {
        budget.limit = options.memory
        maxConnections.store(options.maxConnections, ordering: .relaxed)
        maxSessions.store(options.maxSessions, ordering: .relaxed)
    }

    /// Estimate of the memory that clients hold, including a fixed amount for each connection and session; bytes.
    var load: Int { budget.used + connectionCount * 2_048 + sessionCount * 1_024 }

    /// [loop] The budget is still exceeded although the loop has closed unauthenticated clients.
    private func isOutOfMemory(_ loop: Loop) -> Bool {
        loop.wasExceeded && budget.isExceeded
    }

    // MARK: - Connections

    /// Open connections on all loops.
    var connectionCount: Int { connections.load(ordering: .relaxed) }

    /// [loop] Whether one more connection is admitted. Counts its address; if it is refused, counts why.
    func admitsConnection(from address: String, on loop: Loop) -> Bool {
        guard !isOutOfMemory(loop) else {
            loop.counters.refusedForMemory += 1
            return false
        }
        guard connectionCount < maxConnections.load(ordering: .relaxed) else {
            loop.counters.refusedConnections += 1
            return false
        }
        guard connectionsByAddress?.addIfRoom(NetworkAddress(address)) != false else {
            loop.counters.refusedConnectionsOfAddress += 1
            return false
        }
        return true
    }

    /// An admitted connection moves to a new channel: its address is counted twice until the old channel is closed.
    func connectionMoves(from address: String) {
        connectionsByAddress?.add(NetworkAddress(address))
    }

    /// Counts `channel` until it is closed. Its address must have been counted already.
    func count(_ channel: any Channel, from address: String) {
        connections.add(1, ordering: .relaxed)
        // Without a limit per address, the closure does not have to hold `address`.
        guard connectionsByAddress != nil else {
            channel.closeFuture.whenComplete { [self] _ in connections.subtract(1, ordering: .relaxed) }
            return
        }
        channel.closeFuture.whenComplete { [self] _ in
            connections.subtract(1, ordering: .relaxed)
            connectionsByAddress?.remove(NetworkAddress(address))
        }
    }

    // MARK: - Sessions

    /// [loop] Counts one more session, or counts why it is refused and returns the reason.
    func addSession(from address: String, on loop: Loop) -> Refusal? {
        guard !isOutOfMemory(loop) else {
            loop.counters.refusedSessionsForMemory += 1
            return .memory
        }
        guard sessions.wrappingAdd(1, ordering: .relaxed).oldValue < maxSessions.load(ordering: .relaxed) else {
            sessions.subtract(1, ordering: .relaxed)
            loop.counters.refusedSessions += 1
            return .sessions
        }
        guard sessionsByAddress?.addIfRoom(NetworkAddress(address)) != false else {
            sessions.subtract(1, ordering: .relaxed)
            loop.counters.refusedSessionsOfAddress += 1
            return .sessionsOfAddress
        }
        return nil
    }

    /// Sessions on all loops.
    var sessionCount: Int { sessions.load(ordering: .relaxed) }

    /// Uncounts a session.
    func sessionEnded(from address: String) {
        sessions.subtract(1, ordering: .relaxed)
        sessionsByAddress?.remove(NetworkAddress(address))
    }
}

/// How many connections or sessions each address has, up to a limit. Any thread; the lock is held for one look-up.
final class AddressCount: Sendable {
    private let limit: Int
    private let counts = Mutex<[NetworkAddress: Int]>([:])

    /// nil for a limit of 0, which means no limit.
    init?(limit: Int) {
        guard limit > 0 else { return nil }
        self.limit = limit
    }

    /// Adds one, even above the limit.
    func add(_ address: NetworkAddress) {
        counts.withLock { $0[address, default: 0] += 1 }
    }

    /// Adds one and returns true, or returns false if `address` has reached the limit.
    func addIfRoom(_ address: NetworkAddress) -> Bool {
        counts.withLock { counts in
            let count = counts[address, default: 0]
            guard count < limit else { return false }
            counts[address] = count + 1
            return true
        }
    }

    /// Removes one.
    func remove(_ address: NetworkAddress) {
        counts.withLock { counts in
            guard let count = counts[address] else { return }
            counts[address] = count > 1 ? count - 1 : nil
        }
    }
}

/// What limits per address count: an IPv4 address, or the first 64 bits of an IPv6 address, because providers assign at
/// least that network to each customer.
struct NetworkAddress: Hashable, Sendable {
    private let bits: UInt64
    private let isV4: Bool

    /// - Parameter text: such as `127.0.0.1` or `::1`. All texts that are no address count as one and the same.
    init(_ text: String) {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            (bits, isV4) = (UInt64(four.s_addr), true)
            return
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, text, &six) == 1 else {
            (bits, isV4) = (0, false)
            return
        }
        (bits, isV4) = withUnsafeBytes(of: six) { bytes in
            let first = bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)
            // ::ffff:a.b.c.d: an IPv4 client of a dual-stack socket.
            let isMapped =
                first == 0 && bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self) == UInt32(0xFFFF).bigEndian
            return isMapped ? (UInt64(bytes.loadUnaligned(fromByteOffset: 12, as: UInt32.self)), true) : (first, false)
        }
    }
}
