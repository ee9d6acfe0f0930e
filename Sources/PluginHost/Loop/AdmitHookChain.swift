import CJackfield
import EngineIO
import RawJSON
import SocketIO
import Support
import Synchronization

/// Runs the `admit` hooks of a namespace for one client, one after the other, in the order of loading.
///
/// `@unchecked Sendable`: `stage` is atomic, `pack` and the other constants are immutable. A hook in `hooks` is
/// replaced on the loop, before it is called; another thread reads it only to decide for it, so after the call.
/// Everything else is used on the loop only.
final class AdmitHookChain: @unchecked Sendable, TimerTarget {
    private let loop: LoopContext
    private let attempt: ConnectAttempt
    private var hooks: [NamespaceHook]
    /// nsp, auth, handshake.
    private let pack: TextPack
    /// Index of the hook that has the decision; `hooks.count` or more when the chain is finished. The thread that
    /// increments it makes the decision.
    private let stage = Atomic<Int>(0)
    private var deadline: Int64 = 0

    /// The client's identity: from the authenticator, then as each hook has changed it.
    private var identity: ClientIdentity
    private let admitted = AdmittedSocket()

    /// Milliseconds between two checks whether a client with a pending decision is still connected.
    private static let checkInterval: Int64 = 1_000

    init(_ attempt: ConnectAttempt, identity: ClientIdentity, hooks: [NamespaceHook], loop: LoopContext) {
        self.loop = loop
        self.attempt = attempt
        self.identity = identity
        self.hooks = hooks
        var handshake = JSONWriter()
        handshake.beginObject()
        handshake.handshake(attempt.handshakeRequest)
        handshake.endObject()
        pack = TextPack([.text(attempt.namespace.text), .bytes(attempt.auth), .bytes(handshake.bytes)])
    }

    /// Whether the hook at `stage` has not decided yet. [any-thread]
    func isWaiting(at stage: Int) -> Bool { self.stage.load(ordering: .acquiring) == stage }

    /// Calls the next hook, or accepts the client after the last one. [loop]
    func runNextHook() {
        let stage = skipUnloadedHooks()
        guard stage < hooks.count else { return accept() }
        let hook = hooks[stage]
        let identity = identity
        if let held = loop.heldCallbacks(of: hook.plugin) {
            let sender = Sender(user: identity.user, socket: attempt.connection)
            let bytes = pack.count + identity.claims.count
            guard held.append(bytes: bytes, of: sender, { _ in self.runNextHook() }) == nil else {
                _ = decide(.refuse(message: "overloaded", data: Array(#"{"code":"overloaded"}"#.utf8)), at: stage)
                return
            }
            return limitWaiting(at: stage)
        }
        if let meter = hook.admitMeter {
            loop.measure(meter) { call(hook, stage, as: identity) }
            if isWaiting(at: stage) { limitWaiting(at: stage) }
            return
        }
        limitWaiting(at: stage)
        let task = StrandTask(
            .admit, run: { self.call(hook, stage, as: identity) },
            drop: { _ = self.decide(.refuse(message: Self.failure, data: nil), at: stage) })
        let strand = hook.plugin.strand(for: hook.declaration.run, user: identity.user, else: attempt.connection)
        let sender = Sender(user: identity.user, socket: attempt.connection)
        if strand.enqueue(task, of: sender, bytes: pack.count + identity.claims.count) != nil {
            _ = decide(.refuse(message: "overloaded", data: Array(#"{"code":"overloaded"}"#.utf8)), at: stage)
        }
    }

    /// Accepts the client: all hooks have accepted it. [loop]
    private func accept() {
        if !admitted.isEmpty { attempt.userInfo = admitted }
        attempt.accept(user: identity.user, claims: identity.claims, expiresAt: identity.expiresAt)
    }

    /// Starts the deadline for the decision of the hook at `stage`. [loop]
    private func limitWaiting(at stage: Int) {
        let timers = attempt.shard.timers
        deadline = timers.now + Int64(loop.host.options.decisionDeadline)
        _ = timers.schedule(at: timers.now + Self.checkInterval, for: self, tag: UInt64(stage))
    }

    /// Skips hooks whose plugin was unloaded meanwhile, and replaces those whose plugin was reloaded. Returns the index
    /// of the next hook.
    private func skipUnloadedHooks() -> Int {
        var stage = stage.load(ordering: .acquiring)
        while stage < hooks.count {
            if let successor = hooks[stage].successor { hooks[stage] = successor }
            if hooks[stage].plugin.isInForce { break }
            stage += 1
        }
        // No other thread changes `stage` here: no hook has been called for it.
        self.stage.store(stage, ordering: .releasing)
        return stage
    }

    /// The message that a client gets when a hook fails; the log tells the operator why.
    private static let failure = "internal error"

    /// Calls the hook. On the loop for an inline hook, else on the plugin's strand.
    private func call(_ hook: NamespaceHook, _ stage: Int, as identity: ClientIdentity) {
        guard let admit = hook.declaration.admit, isWaiting(at: stage) else { return }
        let plugin = hook.plugin
        guard let token = plugin.tokens.enter(.decision(self, stage: stage), kept: false) else {
            _ = decide(.refuse(message: Self.failure, data: nil), at: stage)
            return
        }
        var refusal = jf_refusal.sized
        let code = identity.withBytes { user, claims in
            var raw = jf_attempt.sized
            raw.transport = attempt.handshakeRequest.transport.raw
            raw.decision = token.raw
            raw.connection = attempt.connection
            raw.nsp = pack[0]
            raw.auth = pack[1]
            raw.user = jf_text(user)
            raw.claims = jf_text(claims)
            raw.handshake = pack[2]
            raw.context = hook.declaration.context
            return admit(plugin.instance, &raw, &refusal)
        }
        // The worker's answer comes later.
        if plugin.isolated != nil, code == JF_PENDING { return }
        /// Whether the hook has neither completed nor kept the token.
        let isBorrowed = plugin.tokens.reclaim(token) != nil
        returned(
            code, at: stage, message: withUnsafeBytes(of: &refusal.message) { Self.terminated($0) },
            data: withUnsafeBytes(of: &refusal.data) { Self.terminated($0) }, isBorrowed: isBorrowed)
    }

    /// The hook at `stage` has returned. [any-thread]
    ///
    /// - Parameters:
    ///   - message: of the refusal, as `data`.
    ///   - isBorrowed: whether the hook has neither completed nor kept the token.
    func returned(_ code: Int32, at stage: Int, message: [UInt8], data: [UInt8], isBorrowed: Bool) {
        let hook = hooks[stage]
        let plugin = hook.plugin
        /// Refuses the client. Logs the reason only if the client is still there: a call may fail because it has gone.
        func fail(_ problem: @autoclosure () -> String) {
            plugin.errors.count(.decision)
            if isWaiting(at: stage) { plugin.log.warning("admit of '\(hook.declaration.name)' \(problem())") }
            _ = decide(.refuse(message: Self.failure, data: nil), at: stage)
        }
        switch code {
        case JF_OK:
            _ = decide(.accept(nil), at: stage)
        case JF_PENDING:
            guard isBorrowed else { return }
            fail("returned JF_PENDING without keeping the token; keep attempt->decision with jf_tokens_api.keep first")
        case JF_E_DENIED:
            _ = decide(
                plugin.refusal(message: message, data: data, by: "admit of '\(hook.declaration.name)'"), at: stage)
        case JF_E_UNAVAILABLE where plugin.isolated != nil:
            _ = decide(.refuse(message: "unavailable", data: nil), at: stage)
        default:
            fail("returned \(ResultCode.describe(code)), so the client was refused")
        }
    }

    /// Makes the decision of the hook at `stage`; `false` if it was made before, or nobody waits. [any-thread]
    func decide(_ verdict: AdmitDecision, at stage: Int) -> Bool {
        guard
            self.stage.compareExchange(expected: stage, desired: stage + 1, ordering: .acquiringAndReleasing).exchanged
        else { return false }
        let plugin = hooks[stage].plugin
        // Through the plugin's mailbox, so in order with its other calls: a broadcast after the decision reaches the
        // client that was let in.
        plugin.runOrEnqueue(on: loop) {
            guard self.attempt.isPending else { return }
            switch verdict {
            case .accept(let changes):
                if let changes { self.adopt(changes, from: plugin) }
                self.runNextHook()
            case .refuse(let message, let data):
                let reason = LoopContext.code(in: data) ?? (message == Self.failure ? "internal" : "denied")
                self.loop.refuse(
                    self.attempt, reason: reason, message: message, data: data, plugin: self.hooks[stage].plugin.name)
            }
        }
        return true
    }

    /// Applies the changes that a hook made to the identity and the socket. [loop]
    private func adopt(_ changes: AdmitChanges, from plugin: LoadedPlugin) {
        // Recovery restores only the socket's data. If a hook changed anything else, the hooks must run again for a
        // recovered session.
        if changes.user != nil || changes.claims != nil || changes.expiresAt != nil || changes.pluginData != nil {
            attempt.alwaysRunsMiddlewares = true
        }
        if let user = changes.user { identity.user = user }
        if let claims = changes.claims { identity.claims = JSONMerge.members(of: claims, into: identity.claims) }
        if let expiresAt = changes.expiresAt { identity.expiresAt = expiresAt }
        if let data = changes.data { admitted.data = data }
        if let data = changes.pluginData { admitted.pluginData.append((plugin, data)) }
    }

    /// Ends the chain if the client has disconnected, and refuses it after the deadline.
    func timerFired(_ id: TimerID, tag: UInt64) {
        let stage = Int(tag)
        guard isWaiting(at: stage) else { return }
        let timers = attempt.shard.timers
        if !attempt.isPending {
            _ = self.stage.compareExchange(expected: stage, desired: hooks.count, ordering: .acquiringAndReleasing)
        } else if timers.now >= deadline {
            _ = decide(.refuse(message: "timeout", data: Array(#"{"code":"timeout"}"#.utf8)), at: stage)
        } else {
            _ = timers.schedule(at: timers.now + Self.checkInterval, for: self, tag: tag)
        }
    }

    /// The bytes before the first zero byte.
    private static func terminated(_ bytes: UnsafeRawBufferPointer) -> [UInt8] { Array(bytes.prefix { $0 != 0 }) }
}

extension TransportName {
    /// `JF_TRANSPORT_*`.
    var raw: UInt32 {
        switch self {
        case .polling: JF_TRANSPORT_POLLING
        case .websocket: JF_TRANSPORT_WEBSOCKET
        }
    }
}

/// A plugin's decision about a client that asks to join a namespace.
enum AdmitDecision: Sendable {
    /// `nil`: without changes.
    case accept(AdmitChanges?)
    /// CONNECT_ERROR; `data` is JSON.
    case refuse(message: String, data: [UInt8]?)
}

/// Changes that a hook makes to a client it accepts; `nil` leaves the value as it is.
struct AdmitChanges: Sendable {
    var user: ByteString?
    /// A JSON object whose members replace those of the same name.
    var claims: [UInt8]?
    /// JSON: the new data of the socket.
    var data: [UInt8]?
    /// Milliseconds since 1970.
    var expiresAt: Int64?
    var pluginData: PluginData?
}

/// What the hooks have set for a socket that is about to be made; stored in ``SocketIO/ConnectAttempt/userInfo``.
final class AdmittedSocket {
    var data: [UInt8]?
    var pluginData: [(plugin: LoadedPlugin, data: PluginData)] = []

    var isEmpty: Bool { data == nil && pluginData.isEmpty }
}

/// Merges two JSON objects.
enum JSONMerge {
    /// `object` with the members of `changes`, which replace those of the same name. Both are valid
    /// objects. Linear in their sizes.
    static func members(of changes: [UInt8], into object: [UInt8]) -> [UInt8] {
        changes.withUnsafeBytes { changes in
            object.withUnsafeBytes { object in
                let names = Set(members(changes).map { name($0.key, in: changes) })
                var merged = JSONWriter()
                func append(_ member: (key: Range<Int>, value: Range<Int>), of bytes: UnsafeRawBufferPointer) {
                    merged.name(quoted: bytes[member.key])
                    merged.raw(bytes[member.value])
                }
                merged.beginObject()
                for member in members(object) where !names.contains(name(member.key, in: object)) {
                    append(member, of: object)
                }
                for member in members(changes) { append(member, of: changes) }
                merged.endObject()
                return merged.bytes
            }
        }
    }

    private static func members(_ object: UnsafeRawBufferPointer) -> [(key: Range<Int>, value: Range<Int>)] {
        var members: [(key: Range<Int>, value: Range<Int>)] = []
        var walker = JSONObjectWalker(object)
        while case .member(let key, let value) = walker.next() { members.append((key, value)) }
        return members
    }

    /// The name that a quoted key stands for, with escapes decoded.
    private static func name(_ key: Range<Int>, in bytes: UnsafeRawBufferPointer) -> ByteString {
        ByteString(JSONText.string(UnsafeRawBufferPointer(rebasing: bytes[key])) ?? "")
    }
}
