package com.apigee.flow.execution.spi;

import com.apigee.flow.execution.ExecutionContext;
import com.apigee.flow.execution.ExecutionResult;
import com.apigee.flow.message.MessageContext;

/** A callout. One instance serves all requests, several at a time. */
public interface Execution {
    ExecutionResult execute(MessageContext messageContext, ExecutionContext executionContext);
}
