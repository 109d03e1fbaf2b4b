package apiproxy.sidecar;

import com.apigee.flow.Fault;
import com.apigee.flow.execution.Callback;
import com.apigee.flow.execution.ExecutionContext;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** The flow an execution runs in. */
final class Flow implements ExecutionContext {
    private static final ExecutorService TASKS = Executors.newCachedThreadPool(Main::daemon);
    private static final ScheduledExecutorService TIMER = Executors.newScheduledThreadPool(1, Main::daemon);

    private final Call call;
    private final boolean requestFlow;
    private final boolean errorFlow;
    private final List<Fault> added = new ArrayList<>();
    private final CountDownLatch resumed = new CountDownLatch(1);

    Flow(Call call, boolean requestFlow, boolean errorFlow) {
        this.call = call;
        this.requestFlow = requestFlow;
        this.errorFlow = errorFlow;
    }

    @Override
    public boolean isRequestFlow() {
        return requestFlow;
    }

    @Override
    public boolean isErrorFlow() {
        return errorFlow;
    }

    @Override
    public void submitTask(Runnable task) {
        TASKS.execute(task);
    }

    @Override
    public void scheduleTask(Runnable task, long delay, TimeUnit unit) {
        TIMER.schedule(() -> TASKS.execute(task), delay, unit);
    }

    @Override
    public void submitTask(Runnable task, Callback callback, Object reference) {
        TASKS.execute(
                () -> {
                    task.run();
                    callback.callback(task, reference);
                });
    }

    @Override
    public void resume() {
        resumed.countDown();
    }

    @Override
    public void resume(Fault fault) {
        addFault(fault);
        resumed.countDown();
    }

    void awaitResume() throws InterruptedException {
        resumed.await();
    }

    @Override
    public Collection<Fault> getFaults() {
        List<Fault> faults = new ArrayList<>();
        Fault pending = pending();
        if (pending != null) {
            faults.add(pending);
        }
        synchronized (added) {
            faults.addAll(added);
        }
        return faults;
    }

    @Override
    public Fault getFault() {
        Fault fault = lastAdded();
        return fault != null ? fault : pending();
    }

    @Override
    public void addFault(Fault fault) {
        synchronized (added) {
            added.add(fault);
        }
    }

    /** The fault that the execution itself reported; null when it reported none. */
    Fault lastAdded() {
        synchronized (added) {
            return added.isEmpty() ? null : added.get(added.size() - 1);
        }
    }

    /** The fault that the flow was in before. */
    private Fault pending() {
        return errorFlow ? new PendingFault(call) : null;
    }

    /** The transaction's fault, as the variables `fault.*` tell it. */
    private static final class PendingFault extends Fault {
        private final Object reason;

        PendingFault(Call call) {
            super(category(call.get("fault.category")), (String) call.get("fault.subcategory"), null,
                    (String) call.get("fault.name"));
            reason = call.get("fault.reason");
        }

        private static Category category(Object name) {
            for (Category category : Category.values()) {
                if (category.name().equals(name)) {
                    return category;
                }
            }
            return Category.Step;
        }

        @Override
        public String getReason() {
            return reason == null ? null : reason.toString();
        }
    }
}
