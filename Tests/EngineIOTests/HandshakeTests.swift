import Testing

@testable import EngineIO

@Suite struct HandshakeTests {
    private func judge(
        _ query: String, method: String = "GET", isUpgrade: Bool = false, options: EngineOptions = EngineOptions()
    ) -> Handshake {
        let parameters = Array(query.utf8).withUnsafeBytes { RequestParameters(query: $0) }
        return Handshake.judge(parameters, method: method, isUpgrade: isUpgrade, options: options) { id in
            ["poll": .polling, "sock": .websocket][id]
        }
    }

    @Test func `a GET without a session opens one`() {
        #expect(judge("EIO=4&transport=polling") == .open(.polling))
        #expect(judge("EIO=4&transport=websocket", isUpgrade: true) == .open(.websocket))
        #expect(judge("EIO=4&transport=polling&sid=") == .open(.polling))
    }

    @Test(arguments: ["", "EIO=4", "EIO=4&transport=", "EIO=4&transport=Polling", "EIO=3&transport=flashsocket", "transport=%zz&sid=none"])
    func `the transport is judged before everything else`(query: String) {
        #expect(judge(query, method: "PUT") == .refused(.unknownTransport))
    }

    @Test func `a transport that is not allowed is unknown`() {
        var options = EngineOptions()
        options.transports = [.websocket]
        #expect(judge("EIO=4&transport=polling", options: options) == .refused(.unknownTransport))
    }

    @Test func `a session is judged before the method and the version`() {
        #expect(judge("EIO=3&transport=polling&sid=none", method: "POST") == .refused(.unknownSession))
        #expect(judge("transport=polling&sid=poll", method: "POST") == .session("poll"))
    }

    @Test func `another transport than the session's is a bad request unless it upgrades`() {
        #expect(judge("EIO=4&transport=polling&sid=sock") == .refused(.badRequest))
        #expect(judge("EIO=4&transport=websocket&sid=poll") == .refused(.badRequest))
        #expect(judge("EIO=4&transport=websocket&sid=poll", isUpgrade: true) == .session("poll"))
    }

    @Test func `the method is judged before the missing upgrade, and that before the version`() {
        #expect(judge("EIO=3&transport=websocket", method: "POST") == .refused(.badMethod))
        #expect(judge("EIO=3&transport=websocket") == .refused(.badRequest))
        #expect(judge("EIO=3&transport=polling") == .refused(.unsupportedVersion))
        #expect(judge("transport=polling") == .refused(.unsupportedVersion))
        #expect(judge("EIO=04&transport=polling") == .refused(.unsupportedVersion))
    }

    @Test func `of a repeated parameter the last counts, and all are decoded`() {
        #expect(judge("EIO=3&transport=polling&EIO=4") == .open(.polling))
        #expect(judge("EIO=%34&transport=poll%69ng") == .open(.polling))
        #expect(judge("EIO=4&transport=poll+ing") == .refused(.unknownTransport))
        #expect(judge("&EIO=4&&tran%73port=polling&sid=po%6c") == .refused(.unknownSession))
        #expect(judge("EIO=4&transport=polling&sid=%70oll&") == .session("poll"))
        #expect(judge("EIO=4&transport=polling=&sid=poll") == .refused(.unknownTransport))
        #expect(judge("EIO=4&transport=polling&sid=poll%&=&x") == .refused(.unknownSession))
    }

    @Test func `errors carry the reference's codes and texts`() {
        #expect(HandshakeError.unknownSession.json() == #"{"code":1,"message":"Session ID unknown"}"#)
        #expect(HandshakeError.allCases.map(\.status) == [400, 400, 400, 400, 403, 400])
    }
}
