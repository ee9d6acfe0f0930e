import PluginHost

extension HostService {
    /// What would keep the configured plugins from being loaded. For a service that is not run.
    func checkPlugins() async -> [ConfigurationProblem] {
        let specs = configuration.plugins.map { $0.spec(databaseURL: configuration.databaseURL) }
        let problems = await host.check(specs).map { index, error in
            ConfigurationProblem(key: "plugins[\(index)]", what: "\(error)", remedy: "")
        }
        try? await loops.shutdown()
        return problems
    }
}
