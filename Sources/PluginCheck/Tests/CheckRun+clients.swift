import PluginHost
import Presence
import Support

/// The tests of clients that come, go and are interrupted, and of loading while they do.
extension CheckRun {
    private static let auths = [
        "", "{}", #"{"user":"alice"}"#, #"{"user":""}"#, #"{"user":1}"#, #"{"token":null}"#, #"{"user":"\u0000"}"#,
        #"{"user":"\ud83d\ude00"}"#, #"{"token":"Bearer x.y.z","a":[[[[]]]]}"#, #"{"__proto__":{"user":"x"}}"#,
    ]

    func checkConnections() throws {
        try withPlugin { host in
            let descriptor = try host.descriptor
            for namespace in descriptor.clientNamespaces {
                for auth in Self.auths + ["{\"user\":\"\(String(repeating: "u", count: 300))\"}"] {
                    step("a client joins '\(namespace)' with \(auth.isEmpty ? "no payload" : auth.cut(to: 100))")
                    let client = try host.client(namespace, auth: auth)
                    step("the client leaves '\(namespace)' and joins it again")
                    try client.leave(namespace)
                    if !client.output.isClosed { try client.join(namespace, auth: auth) }
                    try client.vanish()
                }
                step("a client disconnects while it joins '\(namespace)'")
                for number in 0..<20 {
                    let client = try CheckClient(host, loop: number % 2, number: number)
                    try client.send("0\(namespace == "/" ? "" : "\(namespace),")")
                    try client.vanish()
                }
                try host.settle()
            }
            if descriptor.hasHandshake {
                for path in HTTPFuzz.handshakes {
                    step("a session is opened with GET \(path.cut(to: 100))")
                    let answer = try HTTPFuzz.request("GET", path, port: host.port(), milliseconds: host.deadline)
                    if answer == nil { throw host.hang() }
                }
            }
        }
    }

    func checkRandomOrder() throws {
        for round in 0..<5 {
            try withPlugin { host in
                var traffic = try RandomTraffic(host, self, seed: options.seed &+ UInt64(round))
                for _ in 0..<300 { try traffic.act() }
                // Unloads while callbacks wait.
            }
        }
    }

    func checkUnloadWaiting() throws {
        for _ in 0..<10 {
            try withPlugin { host in
                let descriptor = try host.descriptor
                var clients: [CheckClient] = []
                for namespace in descriptor.clientNamespaces {
                    for _ in 0..<4 { clients.append(try host.client(namespace)) }
                    var generator = ArgumentGenerator(seed: options.seed)
                    for event in descriptor.events where event.clientNamespace == namespace && !event.name.isEmpty {
                        step("'\(event.name)' is sent, and some of its clients disconnect before the ack")
                        for client in clients.suffix(4) {
                            let arguments = event.signature.map { generator.arguments(for: $0) }
                            try client.emit(
                                event.name, arguments?.json ?? Array("[]".utf8),
                                attachments: arguments?.attachments ?? [], in: namespace)
                        }
                    }
                    for client in clients.suffix(4).prefix(2) { try client.vanish() }
                }
            }
        }
    }

    func checkCalls() throws {
        try withPlugin { host in
            var traffic = try RandomTraffic(host, self, seed: options.seed)
            for _ in 0..<500 { try traffic.act() }
            try host.settle()
            try traffic.sendEverything()
            try host.settle()
            report(host.misuses)
        }
    }

    private func report(_ misuses: [(line: String, isArgument: Bool)]) {
        // One line for each kind of mistake: the numbers in it are often what a client has sent.
        var kinds: [[UInt8]] = []
        for (line, isArgument) in misuses {
            let kind = line.utf8.filter { $0 &- 0x30 >= 10 }
            guard !kinds.contains(kind) else { continue }
            kinds.append(kind)
            if isArgument {
                warn("the host refused a call, and logged it, which clients can repeat at will: \(line)")
            } else {
                fail(line)
            }
        }
    }

    /// The events that are acked at once, with arguments for which they are.
    private func answeredEvents(_ host: CheckHost) throws -> [(event: EventDescriptor, arguments: GeneratedArguments)] {
        var generator = ArgumentGenerator(seed: options.seed)
        var answered: [(event: EventDescriptor, arguments: GeneratedArguments)] = []
        for event in try host.descriptor.events where !event.name.isEmpty && !event.observes {
            let client = try host.client(event.clientNamespace)
            let arguments =
                event.signature.map { generator.arguments(for: $0) } ?? GeneratedArguments(json: Array("[]".utf8))
            step("'\(event.name)' is sent with \(arguments.excerpt)")
            let ack = try client.emit(
                event.name, arguments.json, attachments: arguments.attachments, in: event.clientNamespace)
            if client.output.waitForAck(ack, milliseconds: 200) { answered.append((event, arguments)) }
            try client.vanish()
        }
        return answered
    }

    func checkReloads() throws {
        let host = try CheckHost(self)
        try host.load()
        var traffic = try RandomTraffic(host, self, seed: options.seed)
        let questions = try answeredEvents(host)
        for number in 0..<options.reloads {
            for _ in 0..<10 { try traffic.act() }
            let question = questions.isEmpty ? nil : questions[number % questions.count]
            let client = try question.map { try host.client($0.event.clientNamespace) }
            let ack = try question.map { question in
                step("reload \(number + 1) of \(options.reloads), while '\(question.event.name)' waits for its ack")
                return try client?.emit(
                    question.event.name, question.arguments.json, attachments: question.arguments.attachments,
                    in: question.event.clientNamespace)
            }
            try host.reload()
            guard let question, let client, case .some(.some(let ack)) = ack else { continue }
            guard client.output.waitForAck(ack, milliseconds: host.deadline) || client.output.isClosed else {
                throw CheckFailure(
                    "reload \(number + 1): the ack of '\(question.event.name)', which was sent before, was lost")
            }
            try client.vanish()
        }
        try traffic.sendEverything()
        try host.settle()
        try host.unload()
        host.stop()
    }
}

/// Clients whose actions a seed chooses.
struct RandomTraffic {
    private let host: CheckHost
    private let run: CheckRun
    private let descriptor: PluginDescriptor
    private var generator: ArgumentGenerator
    private var clients: [(client: CheckClient, namespace: ByteString)] = []
    private static let most = 12
    private static let users = ["alice", "bob", "carol"]
    private static let auths = [""] + users.map { #"{"user":"\#($0)"}"# }

    init(_ host: CheckHost, _ run: CheckRun, seed: UInt64) throws {
        (self.host, self.run) = (host, run)
        descriptor = try host.descriptor
        generator = ArgumentGenerator(seed: seed)
    }

    /// Does one thing.
    mutating func act() throws {
        clients.removeAll { $0.client.output.isClosed }
        switch Int.random(in: 0..<20, using: &generator.random) {
        case 0, 1: try connect()
        case 2: try disconnect { try $0.client.vanish() }
        case 3: try disconnect { try $0.client.leave($0.namespace) }
        case 4:
            let user = generator.random.choose(Self.users)
            run.step("the presence of '\(user)' changes")
            host.host.presenceChanged([
                PresenceChange(user: ByteString(user), isOnline: generator.random.happens(1, of: 2), at: 1)
            ])
        case 5: host.presence.expire(now: Clock.wallMilliseconds)
        case 6, 7: try send(isHostile: true)
        case 8: if !descriptor.routes.isEmpty { try request(generator.random.choose(descriptor.routes)) }
        default: try send(isHostile: false)
        }
    }

    /// Sends each event once, and requests each route once.
    mutating func sendEverything() throws {
        for namespace in descriptor.clientNamespaces {
            let client = try host.client(namespace)
            clients.append((client, namespace))
            for event in descriptor.events where event.clientNamespace == namespace {
                try send(event, client, isHostile: false)
            }
        }
        for route in descriptor.routes { try request(route) }
    }

    /// All clients disconnect.
    mutating func end() throws {
        for (client, _) in clients { try client.vanish() }
        clients = []
    }

    private mutating func connect() throws {
        guard clients.count < Self.most else { return try disconnect { try $0.client.vanish() } }
        let namespace = generator.random.choose(descriptor.clientNamespaces)
        run.step("a client joins '\(namespace)'")
        clients.append(
            (try host.client(namespace, auth: generator.random.choose(Self.auths + [run.options.auth])), namespace))
    }

    private mutating func disconnect(_ how: ((client: CheckClient, namespace: ByteString)) throws -> Void) throws {
        guard !clients.isEmpty else { return }
        let index = Int.random(in: 0..<clients.count, using: &generator.random)
        run.step("a client of '\(clients[index].namespace)' leaves")
        try how(clients.remove(at: index))
    }

    private mutating func send(isHostile: Bool) throws {
        guard !clients.isEmpty else { return try connect() }
        let (client, namespace) = generator.random.choose(clients)
        let events = descriptor.events.filter { $0.clientNamespace == namespace }
        guard !events.isEmpty else { return }
        try send(generator.random.choose(events), client, isHostile: isHostile)
    }

    private mutating func send(_ event: EventDescriptor, _ client: CheckClient, isHostile: Bool) throws {
        let arguments =
            isHostile
            ? GeneratedArguments(json: Array(generator.random.choose(HostileValues.arguments).utf8))
            : event.signature.map { generator.arguments(for: $0) } ?? GeneratedArguments(json: Array(#"["a",1]"#.utf8))
        run.step("'\(event.name)' is sent with \(arguments.excerpt)")
        try client.emit(
            event.name.isEmpty ? "an event that nobody declares" : event.name, arguments.json,
            attachments: arguments.attachments, in: event.clientNamespace, wantsAck: generator.random.happens(2, of: 3))
    }

    private mutating func request(_ route: RouteDescriptor) throws {
        let path = HTTPFuzz.path(of: route, &generator.random)
        run.step("\(route.method) \(path.cut(to: 200)) is requested")
        let answer = try HTTPFuzz.request(
            route.method.text, path, body: Array(generator.random.choose(HTTPFuzz.bodies).utf8), user: "alice",
            port: host.port(), milliseconds: host.deadline)
        if answer == nil { throw host.hang() }
    }
}
