import Testing

@testable import EngineIO

@Suite struct HandshakeTests {
    private func verify(
        _ query: String, method: String = "GET", isUpgrade: Bool = false, options: EngineOptions = EngineOptions()
    ) -> Handshake {
        let parameters = Array(query.utf8).withUnsafeBytes { RequestParameters(query: $0) }
        return Handshake.verify(parameters, isGet: method == "GET", isUpgrade: isUpgrade, options: options) { id in
            [Self.polling: .polling, Self.webSocket: .websocket][id]
        }
    }

    private static let polling = TestEngine.id("AAAAAAAAAAAAAAAApoll")!
    private static let webSocket = TestEngine.id("AAAAAAAAAAAAAAAAsock")!

    @Test func `a GET without a session opens one`() {
        #expect(verify("EIO=4&transport=polling") == .open(.polling))
        #expect(verify("EIO=4&transport=websocket", isUpgrade: true) == .open(.websocket))
        #expect(verify("EIO=4&transport=polling&sid=") == .open(.polling))
    }

    @Test(arguments: [
        "", "EIO=4", "EIO=4&transport=", "EIO=4&transport=Polling", "EIO=3&transport=flashsocket",
        "transport=%zz&sid=none",
    ])
    func `the transport is checked before everything else`(query: String) {
        #expect(verify(query, method: "PUT") == .refused(.unknownTransport))
    }

    @Test func `a transport that is not allowed is unknown`() {
        var options = EngineOptions()
        options.transports = [.websocket]
        #expect(verify("EIO=4&transport=polling", options: options) == .refused(.unknownTransport))
    }

    @Test func `the session is checked before the method and the version`() {
        #expect(verify("EIO=3&transport=polling&sid=none", method: "POST") == .refused(.unknownSession))
        #expect(verify("transport=polling&sid=AAAAAAAAAAAAAAAApoll", method: "POST") == .session(Self.polling))
    }

    @Test func `a transport other than the session's is a bad request unless it upgrades`() {
        #expect(verify("EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAsock") == .refused(.badRequest))
        #expect(verify("EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAApoll") == .refused(.badRequest))
        #expect(verify("EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAApoll", isUpgrade: true) == .session(Self.polling))
    }

    @Test func `the method is checked before the missing upgrade, and that before the version`() {
        #expect(verify("EIO=3&transport=websocket", method: "POST") == .refused(.badMethod))
        #expect(verify("EIO=3&transport=websocket") == .refused(.badRequest))
        #expect(verify("EIO=3&transport=polling") == .refused(.unsupportedVersion))
        #expect(verify("transport=polling") == .refused(.unsupportedVersion))
        #expect(verify("EIO=04&transport=polling") == .refused(.unsupportedVersion))
    }

    @Test func `of repeated parameters the last counts, and all are decoded`() {
        #expect(verify("EIO=3&transport=polling&EIO=4") == .open(.polling))
        #expect(verify("EIO=%34&transport=poll%69ng") == .open(.polling))
        #expect(verify("EIO=4&transport=poll+ing") == .refused(.unknownTransport))
        #expect(verify("&EIO=4&&tran%73port=polling&sid=AAAAAAAAAAAAAAAApo%6c") == .refused(.unknownSession))
        #expect(verify("EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA%70oll&") == .session(Self.polling))
        #expect(verify("EIO=4&transport=polling=&sid=AAAAAAAAAAAAAAAApoll") == .refused(.unknownTransport))
        #expect(verify("EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAApoll%&=&x") == .refused(.unknownSession))
    }

    @Test(arguments: [
        "sid=AAAAAAAAAAAAAAAApolly", "sid=AAAAAAAAAAAAAAAApol", "sid=%00AAAAAAAAAAAAAAAApoll",
        "sid=AAAAAAAAAAAAAAAApoll%6c", "sid=%", "sid=\u{301}\u{316}",
    ])
    func `a sid of another length than an id, decoded or not, is an unknown session`(sid: String) {
        #expect(verify("EIO=4&transport=polling&" + sid) == .refused(.unknownSession))
    }

    @Test(arguments: [
        "transport=pollin\u{261}", "transport=polling\u{301}", "transport=polling%CC%81",
        "transport=pollingpollingpollingpollingpolling%20",
    ])
    func `a transport name is compared as bytes`(query: String) {
        #expect(verify("EIO=4&" + query) == .refused(.unknownTransport))
    }

    @Test func `errors carry the reference's codes and texts`() {
        #expect(HandshakeError.unknownSession.json() == Array(#"{"code":1,"message":"Session ID unknown"}"#.utf8))
        #expect(
            HandshakeError.forbidden.json(message: "not\n\"you\"")
                == Array(#"{"code":4,"message":"not\n\"you\""}"#.utf8))
        #expect(HandshakeError.allCases.map(\.status) == [400, 400, 400, 400, 403, 400, 503])
    }
}
