import Presence

extension Benchmarks {
    static var presence: [Benchmark] {
        [
            Benchmark("presence.second-tab", "a user's second connection comes and goes, among 10,000 users") {
                let service = PresenceService { _ in }
                for user in 0..<10_000 { service.connect("user-\(user)", connection: UInt64(user), now: 0) }
                return { count in
                    for connection in 0..<count {
                        service.connect("user-5000", connection: 1 << 40 | UInt64(connection), now: 1)
                        service.disconnect("user-5000", connection: 1 << 40 | UInt64(connection), now: 1)
                    }
                }
            },
            Benchmark("presence.edge", "a user's only connection comes and goes, without grace: two edges") {
                let service = PresenceService(gracePeriod: 0) { changes in opaque(changes.count) }
                for user in 0..<10_000 { service.connect("user-\(user)", connection: UInt64(user), now: 0) }
                return { count in
                    for connection in 0..<count {
                        service.connect("somebody", connection: 1 << 40 | UInt64(connection), now: 1)
                        service.disconnect("somebody", connection: 1 << 40 | UInt64(connection), now: 1)
                    }
                }
            },
            Benchmark("presence.is-online", "one question") {
                let service = PresenceService { _ in }
                for user in 0..<10_000 { service.connect("user-\(user)", connection: UInt64(user), now: 0) }
                return { count in
                    for _ in 0..<count { opaque(service.isOnline("user-5000")) }
                }
            },
        ]
    }
}
