import CJackfield
import FakeHost

@testable import JackfieldPlugin

/// Finds the plugin behind a fake host, to look into it.
enum Probes {
    static func last(of host: FakeHost) -> Probe {
        let plugin = Instance.of(host.instance)?.plugin as? Probe
        return plugin!
    }
}
