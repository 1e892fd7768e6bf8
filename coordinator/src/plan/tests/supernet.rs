//! Supernets in the plan: one for the nets of each name, and then trainings of the best.

use super::super::testing::run;
use super::nets::over_nets;
use imgcalc_shared::explore::NetCandidate;
use imgcalc_shared::search::{NetAlgorithm, NetName};
use imgcalc_shared::task::Task;
use imgcalc_shared::training::Net;

#[test]
fn nets_of_each_name_share_weights_and_the_best_of_all_are_trained_alone() {
    let mut build = over_nets(NetAlgorithm::Supernet { epochs: None });
    let search = build.search_nets.as_mut().unwrap();
    search.space.names.push(NetName::MobileLike);
    search.space.expansions = vec![2, 4];
    let (plan, _) = run(&build, |_| 0, |_| false);
    assert!(plan.complete);
    let candidates = plan.findings.nets.as_ref().unwrap().candidates.clone();
    let supernets: Vec<(&Vec<Net>, u32)> = plan
        .tasks
        .iter()
        .filter_map(|planned| match &planned.task {
            Task::Supernet { nets, hyper, .. } => Some((nets, hyper.epochs)),
            _ => None,
        })
        .collect();
    assert_eq!(supernets.len(), 2);
    for (nets, epochs) in supernets {
        assert_eq!(epochs, 3, "as many as of a training");
        let name = nets[0].name();
        let own: Vec<&Net> = candidates
            .iter()
            .map(|candidate| &candidate.net)
            .filter(|net| net.name() == name)
            .collect();
        assert_eq!(nets.iter().collect::<Vec<_>>(), own);
    }
    let share = |candidate: &NetCandidate| candidate.supernet.unwrap();
    let trained = |candidate: &&NetCandidate| candidate.accuracy.is_some();
    let worst_trained = candidates.iter().filter(trained).map(share).fold(1.0, f64::min);
    let best_left = candidates
        .iter()
        .filter(|candidate| !trained(candidate))
        .map(share)
        .fold(0.0, f64::max);
    assert!(worst_trained >= best_left);
    let alone = |task: &Task| matches!(task, Task::Train { net, .. } if matches!(net, Net::ResnetLike { .. } | Net::MobileLike { .. }));
    assert_eq!(
        plan.tasks.iter().filter(|planned| alone(&planned.task)).count(),
        12
    );

    // What nobody knows is trained where there is nothing better.
    let (plan, _) = run(&build, |_| 0, |task| matches!(task, Task::Supernet { .. }));
    assert!(plan.complete);
    let candidates = plan.findings.nets.unwrap().candidates;
    assert_eq!(candidates.iter().filter(trained).count(), 12);
    assert!(candidates.iter().all(|candidate| candidate.supernet.is_none()));
}
